'use strict';

const { address } = require('../client');
const fieldsOf = require('../fields');
const { events } = require('../samples.json');

const ACCOUNTS = {
  key: 'accounts',
  label: 'Accounts',
  list: true,
  dynamic: 'accounts.id.label',
  helpText: 'Only what is about one of these accounts. Left empty: about any.',
};
const EVENTS = {
  key: 'events',
  label: 'Events',
  required: true,
  list: true,
  choices: Object.fromEntries(Object.entries(events).map(([type, { description }]) => [type, `${type}: ${description}`.slice(0, 200)])),
  helpText: 'What starts the Zap.',
};

// The service posts each event as one level of fields; a second one for the same address would be told as the same.
const subscribe = (typesOf) => async (z, bundle) => {
  const { accounts } = bundle.inputData;
  const response = await z.request({
    url: address(bundle, '/v1/subscriptions'),
    method: 'POST',
    body: {
      target_url: bundle.targetUrl,
      events: typesOf(bundle),
      format: 'flat',
      ...(accounts && accounts.length ? { where: { account: accounts } } : {}),
    },
  });
  return response.data;
};

// A subscription that is gone already ends well, too.
const unsubscribe = async (z, bundle) => {
  const id = encodeURIComponent(bundle.subscribeData.id);
  // `refuse` throws for what is wrong; the platform's own check would throw for what is gone, too.
  await z.request({ url: address(bundle, `/v1/subscriptions/${id}`), method: 'DELETE', skipThrowForStatus: true });
  return { id: bundle.subscribeData.id };
};

// What was told lately, newest first; the example of the catalogue where nothing was told yet.
const list = (typesOf) => async (z, bundle) => {
  const [type] = typesOf(bundle);
  const response = await z.request({ url: address(bundle, `/v1/samples/${type}`), params: { format: 'flat', limit: 3 } });
  return response.data;
};

const perform = (z, bundle) => [bundle.cleanedRequest];

const trigger = ({ key, noun, label, description, typesOf, inputFields, sampled }) => ({
  key,
  noun,
  display: { label, description },
  operation: {
    type: 'hook',
    perform,
    performList: list(typesOf),
    performSubscribe: subscribe(typesOf),
    performUnsubscribe: unsubscribe,
    inputFields,
    outputFields: fieldsOf(events[sampled].sample),
    sample: events[sampled].sample,
  },
});

const one = (type, noun, label, description) =>
  trigger({
    key: type.replace('.', '_'),
    noun,
    label,
    description,
    typesOf: () => [type],
    inputFields: [ACCOUNTS],
    sampled: type,
  });

module.exports = [
  one('post.posted', 'Post', 'Post Is Live', 'Triggers when a post is live on all of its accounts.'),
  one('post.partial', 'Post', 'Post Is Partly Live', 'Triggers when a post is live on some of its accounts and failed on others.'),
  one('post.failed', 'Post', 'Post Failed', 'Triggers when a post failed on all of its accounts.'),
  one('post.rejected', 'Post', 'Post Refused', 'Triggers when a post will never be sent as it is.'),
  one('post.parked', 'Post', 'Post Waits for a Person', 'Triggers when a post waits until somebody acts.'),
  one('account.disconnected', 'Account', 'Account Disconnected', 'Triggers when an account has to be connected again.'),
  one('attention.opened', 'Problem', 'Attention Needed', 'Triggers when something opens that a person must act on.'),
  trigger({
    key: 'event',
    noun: 'Event',
    label: 'Any Event',
    description: 'Triggers when one of the events happens that you choose.',
    typesOf: (bundle) => [].concat(bundle.inputData.events),
    inputFields: [EVENTS, ACCOUNTS],
    sampled: 'post.posted',
  }),
];
