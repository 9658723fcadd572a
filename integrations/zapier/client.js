'use strict';

// Zapier shows the first 250 characters of an error; the service keeps its `detail` shorter than that.
const LONGEST = 249;

// The address of a path of the service, whether or not the user ended the base address with a slash.
const address = (bundle, path) => {
  const base = String(bundle.authData.base_url || '').trim();
  if (!/^https?:\/\/[^/]/i.test(base)) {
    throw new Error('The address of the connection must begin with https://, such as https://bridge.example.com.');
  }
  return base.replace(/\/+$/, '') + path;
};

const addToken = (request, z, bundle) => {
  if (bundle.authData && bundle.authData.token) {
    request.headers.Authorization = `Bearer ${bundle.authData.token}`;
  }
  return request;
};

// A page, or nothing at all, comes from something else that stands at the address.
const answered = (response, z) => {
  if (response.data === null || typeof response.data !== 'object') {
    throw noBridge(z);
  }
  return response;
};

const noBridge = (z) =>
  new z.errors.Error('There is no bridge at this address. Give the one that its /v1/accounts stands under.', 'no_bridge', 400);

const problem = (response) => {
  try {
    const told = JSON.parse(response.content);
    return told !== null && typeof told === 'object' ? told : {};
  } catch {
    return {};
  }
};

// What is to be deleted and is not there is gone, as it should be.
const isGone = ({ status, request }) => status === 204 || ([404, 410].includes(status) && request.method === 'DELETE');

// Turns an answer that is none into an error that says what the service said, or into a pause when it asks for one.
const refuse = (response, z) => {
  if (isGone(response)) {
    return response;
  }
  if (response.status < 400) {
    return answered(response, z);
  }
  const told = problem(response);
  const detail = String(told.detail || `bridge answered ${response.status}. Check the address of the connection.`);
  const pause = Number.parseInt(response.getHeader('retry-after'), 10);
  if (response.status === 503 && pause > 0) {
    throw new z.errors.ThrottledError(detail.slice(0, LONGEST), pause);
  }
  const slug = String(told.type || 'error').split(':').pop();
  throw new z.errors.Error(detail.slice(0, LONGEST), slug, response.status);
};

const isEmpty = (value) =>
  value === undefined ||
  value === null ||
  (typeof value === 'string' && !value.trim()) ||
  (typeof value === 'object' && !Object.keys(value).length);

// What was left empty is not sent, at whatever level: the service then takes what its configuration says.
const filled = (value) => {
  if (Array.isArray(value)) {
    return value.map(filled).filter((item) => !isEmpty(item));
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const entries = Object.entries(value).map(([name, item]) => [name, filled(item)]);
  return Object.fromEntries(entries.filter(([, item]) => !isEmpty(item)));
};

module.exports = { address, addToken, filled, noBridge, refuse };
