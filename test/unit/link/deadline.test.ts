import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { within } from '#main/link/deadline.ts';
import { openSocket } from '#main/link/socket.ts';
import { toFailure } from '#shared/model/failure.ts';
import { realIo } from '#test/support/nrf51.ts';

const ECHO = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer((socket) => socket.pipe(socket));
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

/** Nothing else happens in this process meanwhile. */
function stall(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a deadline', () => {
  it('that passed while this process was busy does not hide what has arrived', async () => {
    // A thread of its own: it answers while this one is stalled.
    const echo = new Worker(ECHO, { eval: true });
    const [port] = (await once(echo, 'message')) as [number];
    const link = await openSocket({ host: '127.0.0.1', port }, 'gdb:tcp:test', realIo());
    try {
      await link.write(Uint8Array.of(42), realIo());
      const reading = link.read(50, realIo());
      // Whatever order timers and input are looked at in: both are due by then.
      stall(200);
      expect([...(await reading)]).toEqual([42]);
      expect(await link.read(20, realIo()).catch(toFailure)).toMatchObject({ code: 'probe-silent' });
    } finally {
      await link.close();
      await echo.terminate();
    }
  });

  it('ends a wait, and not the work', async () => {
    const work = Promise.withResolvers<number>();
    expect(await within(work.promise, 5, realIo())).toBeUndefined();
    work.reject(new Error('too late to matter'));
    expect(await within(Promise.resolve(7), 1000, realIo())).toEqual({ value: 7 });
    await expect(within(Promise.reject(new Error('refused')), 1000, realIo())).rejects.toThrow('refused');
    const reason = new Error('stopped');
    await expect(within(new Promise(() => undefined), 1000, realIo(AbortSignal.abort(reason)))).rejects.toThrow(reason);
  });
});
