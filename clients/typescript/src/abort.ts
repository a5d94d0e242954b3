/**
 * The value of a promise, or the reason of the signal if that aborts first. Leaves no listener behind.
 * @internal
 */
export async function untilAborted<T>(signal: AbortSignal, value: T | PromiseLike<T>): Promise<T> {
  let abort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
  });
  try {
    const result = await Promise.race([aborted, value]);
    // An abort in the same tick must not be overtaken by a value that was there already.
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
