// What the vendor's SDK does with the simulator, area by area; each returns the facts that the tests look at.
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

import { apiKey, connect, control, failure, inHours, noted, work } from "./client.mjs";

const INSTAGRAM = 2280;
const X = 2282;
const LINKEDIN = 2285;
const WRONG_KEY = `pe_live_${"f".repeat(32)}`;
const NOBODY = "00000000-0000-4000-8000-000000000000";
// One black pixel.
const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==",
  "base64",
);

const status = (results) => results.results.map((one) => one.status);
const script = (account_id, ...outcomes) => control("POST", "/outcomes", { account_id, outcomes });
const fault = (kind, operation, more = {}) => control("POST", "/faults", { kind, operation, ...more });
const failing = { kind: "fail", text: "Temporary platform error (503)", retries: 0 };

async function accounts() {
  const { accounts } = connect();
  const listed = await accounts.list();
  const one = await accounts.get(X);
  const well = await accounts.health(X);
  await control("POST", `/accounts/${X}/expire`);
  const ill = await accounts.health(X);
  const after = await accounts.get(X);
  await control("POST", `/accounts/${X}/reconnect`);
  const again = await accounts.health(X);
  const missing = await failure(accounts.get(1));
  return { listed, one, well, ill, after, again, missing };
}

async function immediate() {
  const { posts } = connect();
  const made = await posts.create({ content: "Now", account_ids: [X, LINKEDIN] });
  const before = await posts.results(made.post_id);
  await work();
  const after = await posts.results(made.post_id);
  return { made, before, after, post: await posts.get(made.post_id) };
}

async function scheduled() {
  const { posts } = connect();
  const [at, later] = [inHours(1), inHours(2)];
  const made = await posts.create({ content: "Later", account_ids: [X], scheduled_for: at, timezone: "Europe/Berlin" });
  await work();
  const waiting = await posts.results(made.post_id);
  const updated = await posts.update(made.post_id, { content: "Much later", scheduled_for: later });
  await control("POST", "/clock", { advance_s: 2 * 3600 + 60 });
  await work();
  return { at, later, made, waiting, updated, after: await posts.results(made.post_id) };
}

async function draft() {
  const { posts, raw } = connect();
  const made = await posts.create({ content: "Some day", account_ids: [], draft: true });
  await work();
  const kept = await posts.get(made.post_id);
  // The SDK has no method for this call; its transport has.
  const scheduled = await raw.post(`/api/v1/posts/${made.post_id}/schedule`, { publish_now: true, account_ids: [X] });
  const twice = await failure(raw.post(`/api/v1/posts/${made.post_id}/schedule`, { publish_now: true }));
  await work();
  return { made, kept, scheduled, twice, after: await posts.results(made.post_id) };
}

async function list() {
  const { posts } = connect();
  for (const content of ["One apple", "Two pears", "Three apples"]) {
    await posts.create({ content, account_ids: [X] });
  }
  await work();
  await posts.create({ content: "Four apples", account_ids: [LINKEDIN], scheduled_for: inHours(1) });
  const contents = async (query) => (await posts.listAdvanced(query)).posts.map((one) => one.content);
  return {
    all: await posts.list(),
    page: await posts.list({ limit: 2, offset: 1 }),
    scheduled: await contents({ status: "scheduled" }),
    either: await contents({ status: "scheduled,published", sort: "created_at", order: "asc" }),
    linkedin: await contents({ platform: "linkedin" }),
    apples: await contents({ search: "apple", order: "asc" }),
    updated: await contents({ updated_after: inHours(-1), sort: "updated_at", order: "asc", limit: 100 }),
    future: await contents({ updated_after: inHours(1) }),
  };
}

async function remove() {
  const { posts } = connect();
  const made = await posts.create({ content: "Never", account_ids: [X], scheduled_for: inHours(1) });
  const deleted = await posts.delete(made.post_id);
  const gone = await failure(posts.get(made.post_id));
  const live = await posts.create({ content: "Live", account_ids: [X] });
  await work();
  return { deleted, gone, refused: await failure(posts.delete(live.post_id)) };
}

async function bulk() {
  const { posts } = connect();
  const good = { content: "Good", account_ids: [X] };
  const bad = { content: "", account_ids: [X] };
  return {
    all: await posts.bulkCreate([good, { ...good, content: "Better" }]),
    mixed: await posts.bulkCreate([good, bad, { ...good, account_ids: [1] }]),
    none: await failure(posts.bulkCreate([bad, bad])),
    many: await failure(posts.bulkCreate(Array(51).fill(good))),
  };
}

async function retries() {
  const { posts } = connect();
  await script(X, failing);
  await script(LINKEDIN, "ok");
  const made = await posts.create({ content: "Half", account_ids: [X, LINKEDIN] });
  await work();
  const failed = await posts.results(made.post_id);
  const retried = await posts.retry(made.post_id);
  const queued = await posts.results(made.post_id);
  await work();
  const mended = await posts.results(made.post_id);
  return { failed, retried, queued, mended, nothing: await failure(posts.retry(made.post_id)) };
}

async function retryFailed() {
  const { posts } = connect();
  await script(X, failing, failing);
  const made = [];
  for (const content of ["First", "Second"]) made.push((await posts.create({ content, account_ids: [X] })).post_id);
  await work();
  const one = await posts.retryFailed({ post_ids: made.slice(0, 1) });
  await work();
  const rest = await posts.retryFailed({ account_id: X });
  await work();
  const after = await Promise.all(made.map(async (id) => status(await posts.results(id))));
  return { made, one, rest, after, unfiltered: await failure(posts.retryFailed({})) };
}

async function breaker() {
  const { posts } = connect();
  await script(X, ...Array(5).fill({ ...failing, text: "Rejected by the network" }));
  const made = await posts.create({ content: "Doomed", account_ids: [X] });
  await work();
  for (let tries = 1; tries < 5; tries += 1) {
    await posts.retry(made.post_id);
    await work();
  }
  return { refused: await failure(posts.create({ content: "Doomed", account_ids: [X] })) };
}

async function media() {
  const { media, posts } = connect();
  const uploaded = await media.upload(new Blob([PNG]), { filename: "pixel.png", contentType: "image/png" });
  const file = await media.get(uploaded.id);
  const made = await posts.create({ content: "Look", account_ids: [INSTAGRAM], media_ids: [uploaded.id] });
  await work();
  const presigned = await media.getUploadUrl({ filename: "b.png", content_type: "image/png", file_size: PNG.length });
  const missing = await failure(media.complete(presigned.media_id));
  const early = await failure(posts.create({ content: "Look", account_ids: [X], media_ids: [presigned.media_id] }));
  const images = await media.list({ type: "image", limit: 10 });
  const videos = await media.list({ type: "video" });
  const deleted = await media.delete(presigned.media_id);
  const gone = await failure(media.get(presigned.media_id));
  const after = await posts.results(made.post_id);
  return { uploaded, file, presigned, missing, early, images, videos, deleted, gone, after };
}

async function mediaByUrl() {
  const { media, posts } = connect();
  const image = await media.uploadFromUrl({ url: "https://cdn.example.com/photo.jpg", filename: "photo.jpg" });
  const made = await posts.create({ content: "Photo", account_ids: [INSTAGRAM], media_ids: image.media_ids });
  const inside = await failure(media.uploadFromUrl({ url: "http://127.0.0.1/photo.jpg" }));
  return { image, made, file: await media.get(image.media_id), inside };
}

async function me() {
  const { me, raw } = connect();
  return { me: await me.get(), rules: await raw.get("/api/v1/platform-rules") };
}

async function webhooks() {
  const { webhooks, posts } = connect();
  const arrived = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    arrived.push({ headers: request.headers, body: body.toString() });
    response.writeHead(204).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  const made = await webhooks.create({ url, events: ["post.published"], name: "bridge" });
  const { secret } = made;
  const listed = await webhooks.list();
  const shown = await webhooks.get(made.id);
  const tested = await webhooks.test(made.id);
  await posts.create({ content: "Tell me", account_ids: [X, LINKEDIN] });
  await work();
  await control("POST", "/webhooks/deliver");
  const updated = await webhooks.update(made.id, { is_active: false, events: ["post.failed"] });
  const deleted = await webhooks.delete(made.id);
  server.closeAllConnections();
  server.close();
  const told = arrived.map(({ headers, body }) => ({
    signature: headers["x-posteverywhere-signature"],
    wanted: `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`,
    timestamp: headers["x-posteverywhere-timestamp"],
    event: JSON.parse(body),
  }));
  return { made, listed, shown, tested, updated, deleted, told, gone: await failure(webhooks.get(made.id)) };
}

async function limits() {
  const { accounts } = connect();
  await fault("rate_limited", "accounts", { retry_after: 7 });
  const waited = (await accounts.list()).accounts.length;
  const sleeps = [...noted.sleeps];
  await control("POST", "/options", { general_per_minute: 3 });
  for (let call = 0; call < 5; call += 1) await accounts.list();
  await control("POST", "/options", { general_per_minute: 60 });
  const later = noted.sleeps.slice(sleeps.length);
  await fault("rate_limited", "accounts", { times: 3, retry_after: 2 });
  return { waited, sleeps, later, gaveUp: await failure(accounts.list()) };
}

async function errors() {
  const { posts, me, accounts } = connect();
  const content = "x".repeat(281);
  const misnamed = await failure(posts.create({ content: "a", account_ids: [X], media: ["a"] }));
  const past = await failure(posts.create({ content: "a", account_ids: [X], scheduled_for: inHours(-1) }));
  const long = await failure(posts.create({ content, account_ids: [X] }));
  const text = await failure(posts.create({ content: "a", account_ids: [String(X)] }));
  const key = await failure(connect(WRONG_KEY).me.get());
  await fault("plan_lapsed", "create");
  const plan = await failure(posts.create({ content: "a", account_ids: [X] }));
  await fault("forbidden", "create");
  const scope = await failure(posts.create({ content: "a", account_ids: [X] }));
  await fault("server_error", "accounts");
  const broken = await failure(accounts.list());
  const missing = await failure(posts.get(NOBODY));
  return { misnamed, past, long, text, key, plan, scope, broken, missing };
}

// The SDK sends a create again when it cannot read the answer: what bridge's own client must never do.
async function lost() {
  const { posts } = connect();
  await fault("html_502", "create");
  await posts.create({ content: "Page", account_ids: [X] });
  const pages = noted.calls.splice(0);
  await fault("stored_then_dropped", "create");
  await posts.create({ content: "Cut", account_ids: [X] });
  const cut = noted.calls.splice(0);
  const { posts: stored } = await posts.listAdvanced({ search: "Cut" });
  return { pages, cut, stored: stored.length };
}

export const areas = {
  accounts, immediate, scheduled, draft, list, remove, bulk, retries, retryFailed, breaker, media, mediaByUrl, me,
  webhooks, limits, errors, lost,
};
