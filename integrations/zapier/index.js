'use strict';

const { version, dependencies } = require('./package.json');
const authentication = require('./authentication');
const { addToken, refuse } = require('./client');
const publish = require('./creates/publish');
const accounts = require('./triggers/accounts');
const events = require('./triggers/events');

module.exports = {
  version,
  platformVersion: dependencies['zapier-platform-core'],
  flags: { cleanInputData: false },
  authentication,
  beforeRequest: [addToken],
  afterResponse: [refuse],
  triggers: Object.fromEntries([accounts, ...events].map((trigger) => [trigger.key, trigger])),
  creates: { [publish.key]: publish },
};
