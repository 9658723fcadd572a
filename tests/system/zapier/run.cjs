// `node run.cjs ADDRESS TOKEN FILE` plays the private Zapier app against a service, as Zapier's platform runs it, and
// writes what came of it to a file: the platform itself says things on the standard output.
const { writeFileSync } = require('node:fs');
const { createServer } = require('node:http');
const zapier = require('zapier-platform-core');
const handler = require('zapier-platform-core/src/tools/create-lambda-handler');
const { validateAppDefinition } = require('zapier-platform-schema');
const app = require('../../../integrations/zapier');
const { filled } = require('../../../integrations/zapier/client');

const [, , address, token, file] = process.argv;
const authData = { base_url: `${address}/`, token };
const run = zapier.createAppTester(app);
const { triggers, creates, authentication } = app;
const patient = 30_000;

const errorOf = (promise) =>
  promise.then(
    () => null,
    (error) => ({ name: error.name, ...told(error.message) }),
  );

const told = (message) => {
  try {
    return JSON.parse(message);
  } catch {
    return { message };
  }
};

const until = async (holds, what) => {
  for (const end = Date.now() + patient; !holds(); ) {
    if (Date.now() > end) {
      throw new Error(`${what} did not come`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

// Stands for hooks.zapier.com: keeps what is posted to each path; of a Zap that was deleted it answers 410.
const hooks = async () => {
  const posted = [];
  const server = createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      posted.push({ path: request.url, body: JSON.parse(Buffer.concat(parts).toString()) });
      response.writeHead(request.url === '/deleted' ? 410 : 200).end('{}');
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { posted, base: `http://127.0.0.1:${server.address().port}` };
};

// Stands for what else may be at an address: a page, nothing that is JSON, a service that knows nothing of us.
const strangers = async () => {
  const answers = { '/page': [200, '<!doctype html>'], '/null': [200, 'null'], '/list': [200, '[]'], '/gone': [404, '{}'] };
  const server = createServer((request, response) => {
    const [status, body] = answers[`/${request.url.split('/')[1]}`];
    response.writeHead(status).end(body);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (path) => ({ ...authData, base_url: `http://127.0.0.1:${server.address().port}${path}` });
};

const definition = async () => {
  const made = (await handler(app)({ command: 'definition' })).results;
  return {
    faults: validateAppDefinition(made).errors.map(String),
    more: (await handler(app)({ command: 'validate' })).results,
    triggers: Object.keys(made.triggers),
    creates: Object.keys(made.creates),
  };
};

const main = async () => {
  const facts = { definition: await definition() };
  const { posted, base } = await hooks();

  facts.tested = await run(authentication.test, { authData });
  facts.label = authentication.connectionLabel({}, { inputData: facts.tested });
  facts.stranger = await errorOf(run(authentication.test, { authData: { ...authData, token: 'wrong' } }));
  facts.accounts = await run(triggers.accounts.operation.perform, { authData });

  facts.filled = filled({ a: '', b: { c: ' ', d: { e: null } }, f: ['', 'g', {}], h: false, i: 0, j: { k: [], l: 'm' } });

  const at = await strangers();
  const elsewhere = [at('/page'), at('/null'), at('/list'), { ...authData, base_url: 'bridge.example.com' }];
  facts.elsewhere = await Promise.all(elsewhere.map((one) => errorOf(run(authentication.test, { authData: one }))));

  const hook = triggers.post_posted.operation;
  const account = facts.accounts[0].id;
  const subscribing = { authData, targetUrl: `${base}/zap`, inputData: { accounts: [account] } };
  facts.subscribed = await run(hook.performSubscribe, subscribing);
  const gone = triggers.event.operation;
  await run(gone.performSubscribe, { authData, targetUrl: `${base}/deleted`, inputData: { events: ['post.pending', 'post.failed'] } });

  const publish = creates.publish.operation.perform;
  const inputData = {
    caption: 'From a Zap',
    media: ['https://cdn.example.com/v.mp4'],
    accounts: [account],
    captions: { x: '' },
    tiktok: { privacy_level: '' },
    tags: ['one, two', ''],
    title: '',
    key: 'Zäp 1',
    wait: 20,
  };
  facts.published = await run(publish, { authData, inputData });
  facts.again = await run(publish, { authData, inputData });
  const wrong = { ...inputData, key: 'zap-2', media: ['nowhere'], scheduled_at: 'soon', accounts: ['nobody'] };
  facts.refused = await errorOf(run(publish, { authData, inputData: wrong }));
  facts.unknown = await errorOf(run(publish, { authData, inputData: { ...inputData, key: 'zap-3', accounts: ['nobody'] } }));
  const videos = { ...inputData, key: 'zap-4', media: ['https://cdn.example.com/v, https://cdn.example.com/w'], media_type: 'video' };
  facts.videos = await errorOf(run(publish, { authData, inputData: videos }));
  facts.keyless = await errorOf(run(publish, { authData, inputData: { ...inputData, key: '', dedupe: false } }));

  await until(() => posted.some(({ path }) => path === '/zap'), 'the event');
  const [{ body }] = posted.filter(({ path }) => path === '/zap');
  facts.performed = await run(hook.perform, { authData, cleanedRequest: body });
  facts.listed = await run(hook.performList, { authData, inputData: {} });
  facts.sample = hook.sample;
  facts.listedAny = await run(gone.performList, { authData, inputData: { events: ['attention.opened'] } });

  const unsubscribing = { authData, subscribeData: facts.subscribed };
  facts.unsubscribed = [];
  for (const bundle of [unsubscribing, unsubscribing, { ...unsubscribing, authData: at('/gone') }]) {
    facts.unsubscribed.push(await run(hook.performUnsubscribe, bundle));
  }
  await until(() => posted.some(({ path }) => path === '/deleted'), 'what a deleted Zap is told');
  writeFileSync(file, JSON.stringify(facts));
};

main().then(
  () => process.exit(),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
