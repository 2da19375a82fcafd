import * as fc from '#test/support/fast-check.ts';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createBridge, type Bridge } from '#main/bridge/bridge.ts';
import { CallFailed, ConnectionLost, createClient, type Client } from '#renderer/client/client.ts';
import { command, event, query } from '#shared/contract/define.ts';
import { ToClient } from '#shared/contract/wire.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { pipe, type Pipe } from './ports.ts';

const calls = {
  add: query(z.strictObject({ a: z.number(), b: z.number().default(1) }), z.number()),
  lie: query(z.strictObject({}), z.string()),
  fail: command(z.strictObject({ how: z.enum(['ours', 'theirs']) }), z.null()),
  wait: command(z.strictObject({}), z.string(), { progress: z.number() }),
  survive: command(z.strictObject({}), z.string(), { onDisconnect: 'continue' }),
} as const;
const events = { changed: event(z.object({ id: z.string(), value: z.number() })) } as const;

interface Rig {
  readonly bridge: Bridge<typeof events>;
  readonly client: Client<typeof calls, typeof events>;
  readonly pipe: Pipe;
  readonly aborted: string[];
  readonly progress: Set<(value: number) => void>;
}

function rig(): Rig {
  const aborted: string[] = [];
  const progress = new Set<(value: number) => void>();
  const untilAborted = (name: string, signal: AbortSignal): Promise<string> =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        aborted.push(name);
        reject(signal.reason as Error);
      });
    });
  const bridge = createBridge(calls, events, {
    add: async ({ a, b }) => a + b,
    lie: async () => 42 as never,
    fail: async ({ how }) => {
      if (how === 'theirs') throw new RangeError('deep inside');
      throw new FlashlineError('slot-unknown', { params: { slot: '9' } });
    },
    wait: (_, context) => {
      progress.add(context.progress);
      return untilAborted('wait', context.signal);
    },
    survive: (_, { signal }) => untilAborted('survive', signal),
  });
  const line = pipe();
  bridge.attach(line.host);
  return { bridge, client: createClient(calls, events, line.client), pipe: line, aborted, progress };
}

const settle = (ms = 0): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'no failure',
    (error: unknown) => (error instanceof CallFailed ? error.failure.code : String(error)),
  );

describe('calls', () => {
  it('carries params with the contract’s defaults, results, and many calls at once', async () => {
    const { client } = rig();
    const sums = await Promise.all(Array.from({ length: 30 }, (_, a) => client.call('add', { a })));
    expect(sums).toEqual(Array.from({ length: 30 }, (_, a) => a + 1));
  });

  it('carries failures as data: ours by code, anything else as internal with its cause', async () => {
    const { client } = rig();
    const ours = await client.call('fail', { how: 'ours' }).catch((error: unknown) => error);
    expect(ours).toMatchObject({ failure: { code: 'slot-unknown', params: { slot: '9' }, blame: 'station' } });
    const theirs = await client.call('fail', { how: 'theirs' }).catch((error: unknown) => error);
    expect(theirs).toMatchObject({ failure: { code: 'internal', cause: 'deep inside' } });
  });

  it('refuses params on the host and results on the client that are not as agreed', async () => {
    const { client } = rig();
    expect(await codeOf(client.call('add', { a: 'x' as never }))).toBe('bad-request');
    expect(await codeOf(client.call('add', { a: 1, c: 2 } as never))).toBe('bad-request');
    expect(await codeOf(client.call('lie', {}))).toBe('bad-request');
  });

  it('cancels one call and no other, and reports progress while it runs', async () => {
    const { client, progress, aborted } = rig();
    const seen: number[] = [];
    const stop = new AbortController();
    const call = client.call('wait', {}, { signal: stop.signal, onProgress: (value) => seen.push(value) });
    const other = client.call('survive', {});
    await settle();
    for (const tell of progress) [1, 2, 3].forEach(tell);
    for (const tell of progress) (tell as (value: unknown) => void)('not a number');
    await settle();
    stop.abort();
    expect(await codeOf(call)).toBe('aborted');
    expect(seen).toEqual([1, 2, 3]);
    expect(aborted).toEqual(['wait']);
    other.catch(() => undefined);
  });
});

describe('a lost connection', () => {
  it('ends what shall end with it, lets the rest go on, and tells the caller', async () => {
    const { client, pipe, aborted } = rig();
    const waiting = client.call('wait', {}).catch((error: unknown) => error);
    const surviving = client.call('survive', {}).catch((error: unknown) => error);
    await settle();
    pipe.break();
    expect(await waiting).toBeInstanceOf(ConnectionLost);
    expect(await surviving).toBeInstanceOf(ConnectionLost);
    await settle();
    expect(aborted).toEqual(['wait']);
    await expect(client.call('add', { a: 1 })).rejects.toBeInstanceOf(ConnectionLost);
  });
});

describe('whatever arrives', () => {
  it('is answered with bad-request or a result, never with silence to a call nor with a crash', async () => {
    const near = fc.record(
      {
        type: fc.constantFrom('call', 'cancel', 'result', 7),
        id: fc.oneof(fc.integer(), fc.string()),
        call: fc.oneof(fc.constantFrom('add', 'toString', '__proto__', 'constructor'), fc.string()),
        params: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const { pipe } = rig();
    await fc.assert(
      fc.asyncProperty(fc.oneof(near, fc.jsonValue()), async (message) => {
        pipe.sent.length = 0;
        pipe.inject(message);
        await settle();
        for (const answer of pipe.sent) expect(ToClient.safeParse(answer).success).toBe(true);
        const isCancel =
          typeof message === 'object' && message !== null && 'type' in message && message.type === 'cancel';
        expect(pipe.sent).toHaveLength(isCancel ? pipe.sent.length : 1);
      }),
      { numRuns: 300 },
    );
  });

  it('in a flood is refused beyond a bound, and the bridge still answers afterwards', async () => {
    const { pipe, client } = rig();
    for (let id = 1000; id < 1200; id++) pipe.inject({ type: 'call', id, call: 'survive', params: {} });
    pipe.inject({ type: 'call', id: 1000, call: 'add', params: { a: 1 } });
    await settle();
    const refused = pipe.sent.filter((message) => message.type === 'failure');
    expect(refused.length).toBe(200 - 64 + 1);
    for (let id = 1000; id < 1064; id++) pipe.inject({ type: 'cancel', id });
    await settle();
    expect(await client.call('add', { a: 41 })).toBe(42);
  });
});

describe('events', () => {
  it('reach every client, and the newest state always arrives', async () => {
    const { bridge, client } = rig();
    const second = pipe();
    bridge.attach(second.host);
    const seen: number[] = [];
    client.on('changed', ({ value }) => seen.push(value));
    for (let value = 0; value <= 1000; value++) bridge.broadcast('changed', { id: 'a', value }, 'a');
    bridge.broadcast('changed', { id: 'b', value: -1 }, 'b');
    await settle(60);
    expect(seen[0]).toBe(0);
    expect(seen).toContain(1000);
    expect(seen).toContain(-1);
    expect(seen.length).toBeLessThan(10);
    expect(second.sent.length).toBe(seen.length);
  });

  it('wait while a client is behind, and cut it off when it is hopeless', async () => {
    const { bridge, pipe, client } = rig();
    pipe.stall(1024 * 1024);
    for (let value = 0; value < 1000; value++) bridge.broadcast('changed', { id: 'a', value }, 'a');
    await settle(60);
    expect(pipe.sent).toHaveLength(0);
    pipe.stall(0);
    await settle(60);
    expect(pipe.sent).toEqual([{ type: 'event', event: 'changed', payload: { id: 'a', value: 999 } }]);
    pipe.stall(64 * 1024 * 1024);
    client.call('add', { a: 1 }).catch(() => undefined);
    await settle();
    expect(pipe.closedBecause()).toContain('keep up');
  });
});
