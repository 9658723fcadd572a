'use strict';

const type = (value) => {
  if (typeof value === 'boolean') {
    return 'boolean';
  }
  return typeof value === 'number' ? 'number' : 'string';
};

const label = (name) =>
  name
    .split('_')
    .map((word) => (['id', 'url'].includes(word) ? word.toUpperCase() : word[0].toUpperCase() + word.slice(1)))
    .join(' ');

// The fields that later steps can use: those of a sample, which has the same each time.
module.exports = (sample) => Object.entries(sample).map(([key, value]) => ({ key, label: label(key), type: type(value) }));
