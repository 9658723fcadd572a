// Requests at a fixed rate, whatever becomes of those before: none waits for an answer to another.
import exec from 'k6/execution';
import http from 'k6/http';

const { URL, TOKEN, ACCOUNT, RATE, SECONDS } = __ENV;

export const options = {
  scenarios: {
    open: {
      executor: 'constant-arrival-rate',
      rate: Number(RATE),
      timeUnit: '1s',
      duration: `${SECONDS}s`,
      preAllocatedVUs: 200,
      maxVUs: 200,
      gracefulStop: '10s',
    },
  },
  discardResponseBodies: true,
  summaryTrendStats: ['p(50)', 'p(99)', 'max'],
};

export default function () {
  // The name says when the request was sent, so that the sink need not be told otherwise.
  const name = `${exec.scenario.iterationInTest}-${Date.now()}`;
  const body = {
    caption: `Holiday drops start Monday! ${name}`,
    media: { type: 'video', url: 'https://cdn.example.com/holidays.mp4' },
    accounts: [{ id: ACCOUNT }],
    external_id: name,
  };
  http.post(URL, JSON.stringify(body), {
    headers: { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' },
  });
}
