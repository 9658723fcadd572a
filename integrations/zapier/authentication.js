'use strict';

const { address, noBridge } = require('./client');

// Reads the accounts, which needs the scope `read`; what it gives is there for the label of the connection.
const test = async (z, bundle) => {
  const response = await z.request({ url: address(bundle, '/v1/accounts') });
  const { items } = response.data;
  if (!Array.isArray(items)) {
    throw noBridge(z);
  }
  return { host: new URL(address(bundle, '/')).host, accounts: items.length };
};

module.exports = {
  type: 'custom',
  test,
  connectionLabel: (z, bundle) => `${bundle.inputData.host} (${bundle.inputData.accounts} accounts)`,
  fields: [
    {
      key: 'base_url',
      label: 'Address',
      type: 'string',
      required: true,
      helpText: 'Where bridge is reached from the internet, such as https://bridge.example.com.',
    },
    {
      key: 'token',
      label: 'Token',
      type: 'password',
      required: true,
      helpText: 'The secret of one of the `tokens` of its configuration, with the scopes `publish` and `read`.',
    },
  ],
};
