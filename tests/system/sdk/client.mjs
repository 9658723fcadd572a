// The vendor's SDK on the way to the simulator, and what is noted on that way.
//
// The SDK has no option for its address: it is a constant of the build. So `fetch` turns it to the simulator here, and
// refuses every other address. When the SDK waits, the simulator's clock moves on instead.
import PostEverywhere from "@posteverywhere/sdk";

const VENDOR = "https://app.posteverywhere.ai";

export const url = process.env.SIMULATOR_URL;
export const apiKey = process.env.SIMULATOR_KEY;

// Answers by the SDK's method, for the compiler; calls as [method, path, status]; sleeps in milliseconds.
export const noted = { answers: [], calls: [], sleeps: [] };

const plainFetch = globalThis.fetch;

globalThis.fetch = async (address, options = {}) => {
  const turned = String(address).startsWith(VENDOR) ? url + String(address).slice(VENDOR.length) : String(address);
  if (!turned.startsWith(url)) throw new TypeError(`the SDK went to ${address}`);
  const call = [options.method ?? "GET", turned.slice(url.length).split("?")[0]];
  noted.calls.push(call);
  const response = await plainFetch(turned, options);
  call.push(response.status);
  return response;
};

// Ask the simulator's control API.
export async function control(method, path, body) {
  const options = { method, headers: { "content-type": "application/json" } };
  const response = await plainFetch(`${url}/_control${path}`, body ? { ...options, body: JSON.stringify(body) } : options);
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}

// Let the vendor's worker run: two turns bring what is due to its end.
export const work = (times = 2) => control("POST", "/tick", { times });

// Make a client. Its answers are noted by resource and method, but for `raw`, the SDK's own transport.
export function connect(key = apiKey) {
  const client = new PostEverywhere({ apiKey: key });
  const raw = client.posts.client;
  raw.sleep = (ms) => noted.sleeps.push(ms) && control("POST", "/clock", { advance_s: ms / 1000 });
  const resources = ["accounts", "posts", "media", "me", "webhooks"];
  return { raw, ...Object.fromEntries(resources.map((name) => [name, noting(name, client[name])])) };
}

function noting(name, resource) {
  return new Proxy(resource, {
    get(target, method) {
      return async (...given) => {
        const value = await target[method](...given);
        noted.answers.push([name, method, value]);
        return value;
      };
    },
  });
}

// Return how a promise failed, as the SDK's user sees it; null if it did not.
export async function failure(promise) {
  try {
    await promise;
    return null;
  } catch (error) {
    const { message, status, code, requestId, details } = error;
    return { type: error.constructor.name, name: error.name, message, status, code, requestId, details };
  }
}

// In so many hours by the simulator's clock, which is the wall's until an SDK sleeps.
export const inHours = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();
