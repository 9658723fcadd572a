'use strict';

const { address } = require('../client');

// The choices of the field "Accounts": by our name where an account has one, else by the partner's id.
const perform = async (z, bundle) => {
  const response = await z.request({ url: address(bundle, '/v1/accounts') });
  return response.data.items
    .filter((account) => account.state !== 'removed')
    .map((account) => ({
      id: account.name || account.id,
      label: [account.name || account.username || account.id, account.platform, account.state === 'active' ? '' : account.state]
        .filter(Boolean)
        .join(', '),
    }))
    .filter(({ id }, place, all) => all.findIndex((other) => other.id === id) === place);
};

module.exports = {
  key: 'accounts',
  noun: 'Account',
  display: {
    label: 'List of Accounts',
    description: 'Triggers when the choices of a field are shown: the accounts that can be posted to.',
    hidden: true,
  },
  operation: { perform, sample: { id: 'brand-tiktok', label: 'brand-tiktok, tiktok' } },
};
