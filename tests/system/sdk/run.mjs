// `node run.mjs AREA` plays one area and prints what came of it as one JSON object.
import { areas } from "./areas.mjs";
import { noted } from "./client.mjs";

const facts = await areas[process.argv[2]]();
// After a call that was cut the SDK leaves its time-out of two minutes running.
process.stdout.write(JSON.stringify({ facts, ...noted }), () => process.exit());
