/** The longest delay of a timer. A longer one fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Calls back after a delay of any length, `Infinity` too.
 * @internal
 */
export function startTimer(callback: () => void, delay: number): ReturnType<typeof setTimeout> {
  return setTimeout(callback, Math.min(delay, LONGEST_TIMER));
}

/**
 * Calls back when the page is online, visible or restored again. Returns the function that ends this.
 * @internal
 */
export function onWake(callback: () => void): () => void {
  // Workers have `online` alone, and servers have no such events.
  if (typeof addEventListener !== 'function') return () => {};
  const names = ['online', 'visibilitychange', 'pageshow'];
  const wake = (event: Event): void => {
    if (event.type === 'visibilitychange' && document.visibilityState !== 'visible') return;
    if (event.type === 'pageshow' && !(event as PageTransitionEvent).persisted) return;
    callback();
  };
  for (const name of names) addEventListener(name, wake);
  return () => names.forEach((name) => removeEventListener(name, wake));
}

/**
 * Waits for a delay, or until the page wakes up, but at least for `floor` milliseconds. An abort ends the wait.
 * Resolves with whether the page woke up.
 * @internal
 */
export function waitForRetry(delay: number, floor: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const begun = Date.now();
    let woken = false;
    const end = (): void => {
      clearTimeout(pending);
      stopWaking();
      signal.removeEventListener('abort', end);
      resolve(woken);
    };
    let pending = startTimer(end, delay);
    const stopWaking = onWake(() => {
      woken = true;
      clearTimeout(pending);
      // The wall clock goes on while a computer sleeps. It may also have been set back.
      pending = startTimer(end, Math.min(floor, floor - (Date.now() - begun)));
    });
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}
