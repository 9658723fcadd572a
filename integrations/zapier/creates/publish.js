'use strict';

const { address, filled } = require('../client');
const fieldsOf = require('../fields');
const { publish } = require('../samples.json');

// Zapier ends a step after 30 seconds.
const LONGEST_WAIT = 25;

const SENT = [
  'caption', 'captions', 'accounts', 'scheduled_at', 'timezone', 'title', 'url', 'excerpt', 'tags', 'music_url', 'tiktok', 'pinterest',
  'settings', 'external_id', 'correlation', 'dedupe',
];

// Addresses whose ending does not say what they are need the word of the user.
const media = (z, { media: urls, media_type: type }) => {
  const several = [].concat(urls || []).flatMap((text) => String(text).split(/,?\s+|,$/)).filter(Boolean);
  if (type === 'video' && several.length > 1) {
    throw new z.errors.Error(`Media has ${several.length} addresses. Map one video, or choose "Images".`, 'invalid_request', 422);
  }
  if (!type || !several.length) {
    return several;
  }
  return type === 'video' ? { type, url: several[0] } : { type, urls: several };
};

// A header takes plain characters, and not many of them.
const keyOf = (z, key) => (/^[\x21-\x7e]{1,255}$/.test(key) ? key : z.hash('sha256', key));

const perform = async (z, bundle) => {
  const { inputData } = bundle;
  if (inputData.dedupe === false && !inputData.key) {
    throw new z.errors.Error('With "Once Only: No" map a Key, too: without one each replay of this Zap posts again.', 'no_key', 422);
  }
  const wait = Math.min(Math.max(Number.parseInt(inputData.wait, 10) || 0, 0), LONGEST_WAIT);
  const response = await z.request({
    url: address(bundle, '/v1/publish'),
    method: 'POST',
    params: wait ? { wait } : {},
    headers: inputData.key ? { 'Idempotency-Key': keyOf(z, String(inputData.key)) } : {},
    body: filled({ ...Object.fromEntries(SENT.map((name) => [name, inputData[name]])), media: media(z, inputData) }),
  });
  return response.data;
};

const FIELDS = [
  { key: 'caption', label: 'Caption', type: 'text', helpText: 'The text of the post.' },
  {
    key: 'accounts',
    label: 'Accounts',
    list: true,
    dynamic: 'accounts.id.label',
    helpText: 'Where to. A pattern such as `brand-*` works, too. Left empty: what the configuration says.',
  },
  { key: 'media', label: 'Media', list: true, helpText: 'Public addresses: of one video, or of the images of a slideshow.' },
  {
    key: 'media_type',
    label: 'Kind of Media',
    choices: { video: 'One video', slideshow: 'Images' },
    helpText: 'Only for addresses that do not end in .mp4, .jpg and the like.',
  },
  {
    key: 'scheduled_at',
    label: 'When',
    type: 'datetime',
    helpText: 'Left empty: at once.',
  },
  { key: 'timezone', label: 'Time Zone', helpText: 'Of a time without an offset, such as Europe/Berlin.' },
  {
    key: 'key',
    label: 'Key',
    helpText: 'Map the id of the trigger behind a word of this Zap (blog-17), so that a replay of it is no second post.',
  },
  {
    key: 'wait',
    label: 'Wait',
    type: 'integer',
    default: '20',
    helpText: 'For how many seconds (25 at most) the step waits until the partner has accepted the post. That is not live yet: that takes minutes, and is told by the trigger "Post Is Live".',
  },
  { key: 'captions', label: 'Captions by Platform', dict: true, helpText: 'Such as x and a shorter text. They go before the caption.' },
  { key: 'title', label: 'Title', helpText: 'For templates of the configuration, and platforms that have titles.' },
  { key: 'url', label: 'Link', helpText: 'The address of what the post is about.' },
  { key: 'excerpt', label: 'Excerpt', type: 'text' },
  { key: 'tags', label: 'Tags', list: true },
  { key: 'music_url', label: 'Music', helpText: 'The address of a TikTok post whose sound is used.' },
  { key: 'tiktok', label: 'TikTok', dict: true, helpText: 'Such as privacy_level and SELF_ONLY.' },
  { key: 'pinterest', label: 'Pinterest', dict: true, helpText: 'Such as board_id and its number.' },
  { key: 'settings', label: 'Settings', type: 'text', helpText: 'JSON by platform, such as {"youtube": {"title": "Spring"}}.' },
  { key: 'external_id', label: 'Your Id', helpText: 'Yours for the post; the same one is published once.' },
  { key: 'correlation', label: 'Correlation', helpText: 'Any word; it comes back in everything that is told of the post.' },
  { key: 'dedupe', label: 'Once Only', type: 'boolean', helpText: 'No: the same text may go out again within three days. Needs a Key.' },
];

module.exports = {
  key: 'publish',
  noun: 'Post',
  display: { label: 'Publish Post', description: 'Publishes a post to accounts, now or later.' },
  operation: { perform, inputFields: FIELDS, outputFields: fieldsOf(publish), sample: publish },
};
