import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEnrolmentCode, writeEnrolmentCode } from '#shared/contract/plant/enrolment-code.ts';
import { realRandom } from '#main/app/real-clock.ts';
import { ownTls, spkiOf, type TlsFiles } from '#plant/http/tls.ts';
import { FakePlant } from '#test/support/fake-plant/fake-plant.ts';
import { type ServedPlant, servePlant } from '#test/support/fake-plant/serve-plant.ts';
import { makeSyncRig, NEVER, type SyncRig } from './rig.ts';

let rig: SyncRig;
let folder: string;
const extra: ServedPlant[] = [];
beforeEach(async () => {
  rig = await makeSyncRig();
  folder = mkdtempSync(join(tmpdir(), 'flashline-tls-'));
});
afterEach(async () => {
  await rig.close();
  for (const served of extra.splice(0)) await served.close();
  rmSync(folder, { recursive: true });
});

function certificate(name: string): Promise<TlsFiles> {
  return ownTls({ folder: join(folder, name), hosts: ['127.0.0.1'], now: new Date(), random: realRandom });
}

async function serve(plant: FakePlant, tls: TlsFiles | null): Promise<ServedPlant> {
  const served = await servePlant(plant, tls);
  extra.push(served);
  return served;
}

describe('enrolment', () => {
  it('sends the code’s secret to nobody but the plant that the code names', async () => {
    const sync = await rig.open();
    const other = await serve(new FakePlant(), null);
    const code = rig.plant.invite('line-1');
    await expect(sync.enrol({ url: other.url, code }, NEVER)).rejects.toMatchObject({
      failure: { code: 'plant-untrusted' },
    });
    expect(other.calls).toEqual(['GET /plant']);
    expect(await sync.state()).toMatchObject({ phase: 'off', plant: null });
    expect(await sync.enrol({ url: rig.served.url, code }, NEVER)).toMatchObject({ phase: 'idle', station: 'line-1' });
  });

  it('is refused for a mistyped code, a used one, and an address that anybody could listen at', async () => {
    const sync = await rig.open();
    const { url } = rig.served;
    const code = rig.plant.invite('line-1');
    const mistyped = `${code.slice(0, -1)}${code.endsWith('0') ? '1' : '0'}`;
    const refused = (request: { url: string; code: string }) =>
      sync.enrol(request, NEVER).then(
        () => 'taken',
        (thrown: { failure: { code: string } }) => thrown.failure.code,
      );
    expect(await refused({ url, code: mistyped })).toBe('enrolment-refused');
    expect(await refused({ url: 'http://192.0.2.1', code })).toBe('plant-untrusted');
    expect(await refused({ url: 'ftp://127.0.0.1', code })).toBe('usage');
    expect(rig.served.calls).toEqual([]);
    expect(await refused({ url, code })).toBe('taken');
    expect(await refused({ url, code })).toBe('enrolment-refused');
    expect((await sync.state()).station).toBe('line-1');
  });

  it('pins the plant’s own TLS key: before the code is sent, and ever after', async () => {
    const sync = await rig.open();
    const [good, bad] = [await certificate('good'), await certificate('bad')];
    const impostor = await serve(rig.plant, bad);
    const code = rig.plant.invite('line-1', spkiOf(good));
    await expect(sync.enrol({ url: impostor.url, code }, NEVER)).rejects.toMatchObject({
      failure: { code: 'plant-untrusted' },
    });
    expect(impostor.calls).toEqual([]);
    const plain = await serve(rig.plant, null);
    await expect(sync.enrol({ url: plain.url, code }, NEVER)).rejects.toMatchObject({
      failure: { code: 'plant-untrusted' },
    });
    expect(plain.calls).toEqual([]);

    const real = await serve(rig.plant, good);
    expect(await sync.enrol({ url: real.url, code }, NEVER)).toMatchObject({ phase: 'idle' });
    const kept = await rig.store.enrolment();
    if (!kept) throw new Error('not enrolled');
    await rig.store.enrol({ ...kept, url: impostor.url });
    expect(await (await rig.open()).now(NEVER)).toMatchObject({
      phase: 'refused',
      failure: { code: 'plant-untrusted' },
    });
    expect(impostor.calls).toEqual([]);
  });

  it('without a pinned key trusts only what the computer trusts', async () => {
    const sync = await rig.open();
    const selfSigned = await serve(rig.plant, await certificate('unknown'));
    const code = rig.plant.invite('line-1');
    await expect(sync.enrol({ url: selfSigned.url, code }, NEVER)).rejects.toMatchObject({
      failure: { code: 'plant-untrusted' },
    });
    expect(selfSigned.calls).toEqual([]);
  });

  it('whose plant then signs with another key is told, and nothing of it is used', async () => {
    const sync = await rig.open();
    const code = readEnrolmentCode(rig.plant.invite('line-1'));
    const shown = writeEnrolmentCode({ ...code, tlsKey: null });
    rig.plant.signsWith = new FakePlant().key;
    const state = await sync.enrol({ url: rig.served.url, code: shown }, NEVER);
    expect(state).toMatchObject({ phase: 'refused', failure: { code: 'plant-untrusted' }, leaseUntil: null });
    expect(sync.book?.document).toBeNull();
  });
});
