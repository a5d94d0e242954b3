// Publishes 1, 2, 3, … to the topic fixture, one after the other, and goes on while its server is killed and
// started again.

import { setTimeout as pause } from 'node:timers/promises';

// The pause between two attempts at a server that is down, so that they do not use up the processor.
const BETWEEN = 20;

export function publish(url) {
  const told = {
    // The ids of acknowledged numbers; a published number whose response was lost has none.
    ids: new Map(),
    // The last number that is known to be published.
    last: 0,
    // Requests without a response.
    failed: 0,
    // Numbers whose response was lost: the topic had them, or it did not and they were posted again.
    kept: 0,
    again: 0,
  };
  const waiting = new Set();
  let stopped = false;

  function changed() {
    for (const look of waiting) look();
  }

  async function ask(path, options) {
    try {
      const response = await fetch(`${url}${path}`, options);
      return { status: response.status, text: await response.text() };
    } catch {
      told.failed += 1;
      changed();
      return null;
    }
  }

  // A publisher cannot know when the connection breaks whether its number was published. To post it again
  // could publish it twice, to skip it could lose it. So it asks the topic itself.
  //
  // The answer is final. A connection breaks here only when the process ends, and the next process opens the
  // file, and only then its port, after the last one is gone: nothing that was pending in the old one can
  // reach the topic after it. And as there is no other publisher, and this one has at most one number
  // pending, the last number can only be that one or the one before it.
  async function settle(number) {
    while (!stopped) {
      const answer = await ask('/last');
      if (answer) {
        const last = Number(answer.text);
        if (answer.status !== 200 || (last !== number && last !== number - 1)) {
          throw new Error(`after ${number} was posted, the last is: ${answer.status} ${answer.text}`);
        }
        if (last === number) told.kept += 1;
        else told.again += 1;
        return last === number;
      }
      await pause(BETWEEN);
    }
    return false;
  }

  async function run() {
    while (!stopped) {
      const number = told.last + 1;
      const answer = await ask('/publish', { method: 'POST', body: String(number) });
      if (answer) {
        // Any other failure than the end of the process would make the above wrong.
        if (answer.status !== 200) throw new Error(`${number} was refused: ${answer.status} ${answer.text}`);
        told.ids.set(number, answer.text);
      } else if (!(await settle(number))) {
        continue;
      }
      told.last = number;
      changed();
    }
  }

  const ended = run();
  ended.catch(() => {});

  return {
    told,
    // Waits until the condition holds for `told`, or until publishing failed for good.
    async until(is) {
      let look;
      const so = new Promise((resolve) => {
        look = () => is(told) && resolve();
        waiting.add(look);
        look();
      });
      await Promise.race([so, ended]).finally(() => waiting.delete(look));
    },
    // Stops after the pending number, which is settled if there is a server.
    stop() {
      stopped = true;
      return ended;
    },
  };
}
