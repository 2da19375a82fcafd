/** A blocking write for each of many HID probes, and the files and name look-ups of the rest of the program. */
const THREADS = '40';

/**
 * Lets as many blocking calls run at the same time as a gang of probes needs: Node gives them four threads, a report to a
 * HID probe holds one for a millisecond, and one that the probe does not take for five seconds. To be called before
 * anything is awaited: the number is read when the first thread is needed. What somebody has set stays.
 */
export function reserveThreads(env: NodeJS.ProcessEnv): void {
  env['UV_THREADPOOL_SIZE'] ??= THREADS;
}
