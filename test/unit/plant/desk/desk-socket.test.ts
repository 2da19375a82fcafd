import { linkSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectDesk, serveDesk } from '#plant/desk/desk-socket.ts';
import type { Desk } from '#plant/desk/desk.ts';
import { FlashlineError } from '#shared/model/failure.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flashline-desk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Knows nobody, and refuses what it is asked to change. */
const desk: Desk = {
  async call(name) {
    if (name === 'user.list') return [] as never;
    throw new FlashlineError('state-conflict', { params: { detail: 'this name is taken' } });
  },
};

describe('the desk of a plant server', () => {
  it('answers on this computer, for this user alone, and gives failures as they were', async () => {
    const server = await serveDesk(folder, desk);
    const remote = await connectDesk(folder);
    expect(statSync(join(folder, 'desk.sock')).mode & 0o777).toBe(0o600);
    expect(await remote?.call('user.list', {})).toEqual([]);
    await expect(remote?.call('station.invite', { name: 'L1' })).rejects.toMatchObject({
      failure: { code: 'state-conflict', params: { detail: 'this name is taken' } },
    });
    await server?.close();
    expect(await connectDesk(folder)).toBeNull();
  });

  it('is one to a folder; what a killed process left behind is no desk', async () => {
    const first = await serveDesk(folder, desk);
    expect(await serveDesk(folder, desk)).toBeNull();
    await first?.close();
    const left = createServer().listen(join(folder, 'desk.sock'));
    await once(left, 'listening');
    // As kill -9 does it: nobody listens, and the file stays.
    const path = join(folder, 'desk.sock');
    linkSync(path, `${path}.left`);
    left.close();
    await once(left, 'close');
    linkSync(`${path}.left`, path);
    const second = await serveDesk(folder, desk);
    expect(second).not.toBeNull();
    await second?.close();
  });

  it('bears whatever is said to it', async () => {
    const server = await serveDesk(folder, desk);
    for (const text of ['\n', '{}\n', '{"call":"constructor","params":{}}\n', 'x'.repeat(100_000)]) {
      const socket = connect(join(folder, 'desk.sock'));
      socket.on('error', () => undefined);
      socket.resume().end(text);
      await once(socket, 'close');
    }
    expect(await (await connectDesk(folder))?.call('user.list', {})).toEqual([]);
    await server?.close();
  });
});
