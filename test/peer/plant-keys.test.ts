import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import { adoptPlantKey, openDesk, type Plant, type PlantOptions, startPlant } from '#plant/plant.ts';
import { readEnrolmentCode } from '#shared/contract/plant/enrolment-code.ts';
import { toFailure } from '#shared/model/failure.ts';
import { type Postgres, startPostgres } from '#test/support/postgres.ts';
import { requirePrograms } from '#test/support/programs.ts';
import { temporaryFolder } from '../unit/log/fixtures.ts';

const About = z.object({ publicKey: z.object({ x: z.string() }) });
const Keys = z.object({ schema: z.literal(1), keys: z.array(z.unknown()) });

describe.skipIf(!requirePrograms(['postgresql']))('servers of one plant, each with files of its own', () => {
  const folder = temporaryFolder();
  let postgres: Postgres;
  let database = '';
  const running: Plant[] = [];
  beforeAll(async () => {
    postgres = await startPostgres({ settings: { fsync: 'off' } });
    database = await postgres.createDatabase('plant');
  });
  afterEach(async () => {
    for (const plant of running.splice(0)) await plant.close();
  });
  afterAll(async () => {
    await postgres.remove();
    folder.remove();
  });

  const optionsOf = (server: string, more: Partial<PlantOptions> = {}): PlantOptions => ({
    folder: join(folder.path, server),
    database,
    host: '127.0.0.1',
    port: 0,
    name: 'Ulm',
    version: '0.0.0-test',
    keyFile: null,
    tls: null,
    pages: null,
    clock: realClock,
    random: realRandom,
    describe: ({ code, params }) => ({ message: `${code} ${params['detail'] ?? ''}`, remedy: '' }),
    log: () => undefined,
    passwordCost: { memory: 64, passes: 1 },
    ...more,
  });
  const fileOf = (server: string) => join(folder.path, server, 'plant-key.json');
  const keysIn = (server: string) => Keys.parse(JSON.parse(readFileSync(fileOf(server), 'utf8'))).keys;

  async function start(server: string, more: Partial<PlantOptions> = {}): Promise<Plant> {
    const plant = await startPlant(optionsOf(server, more));
    running.push(plant);
    return plant;
  }
  const refusalOf = (work: Promise<unknown>) =>
    work.then(
      () => null,
      (thrown: unknown) => toFailure(thrown),
    );
  const keyOf = async (plant: Plant) =>
    About.parse(await (await fetch(`${plant.url}/api/v1/plant`)).json()).publicKey.x;
  const statusOf = async (plant: Plant, path: string, body: object | null = null) => {
    const headers = { 'content-type': 'application/json' };
    const post = body === null ? {} : { method: 'POST', body: JSON.stringify(body), headers };
    return (await fetch(`${plant.url}${path}`, post)).status;
  };
  function copyKey(from: string, to: string): void {
    mkdirSync(join(folder.path, to), { recursive: true });
    copyFileSync(fileOf(from), fileOf(to));
  }

  it('one without the plant’s key is refused before it makes one, and one with another key too', async () => {
    const one = await start('one');
    expect(await refusalOf(start('two'))).toMatchObject({ code: 'plant-keys', blame: 'plant' });
    expect(existsSync(fileOf('two'))).toBe(false);

    // Somebody at another computer can see to people, and make codes that are right, without any key.
    const desk = await openDesk(optionsOf('two'));
    const { code } = await desk.desk.call('station.invite', { name: 'line 1' });
    await desk.close();
    const here = await one.desk.call('station.invite', { name: 'line 2' });
    expect(readEnrolmentCode(code).plantKey).toEqual(readEnrolmentCode(here.code).plantKey);
    expect(existsSync(fileOf('two'))).toBe(false);

    await startPlant(optionsOf('elsewhere', { database: await postgres.createDatabase('other') })).then((plant) =>
      plant.close(),
    );
    copyKey('elsewhere', 'three');
    const refused = await refusalOf(start('three'));
    expect(refused).toMatchObject({ code: 'plant-keys', params: { detail: expect.stringContaining('signs with') } });

    copyKey('one', 'two');
    const two = await start('two');
    expect(await keyOf(two)).toBe(await keyOf(one));
    for (const plant of [one, two]) expect(await statusOf(plant, '/ready')).toBe(200);
  });

  it('one that was started with a renewed key stops the others until they have it too', async () => {
    const one = await start('one');
    copyKey('one', 'renewed');
    const [fresh] = keysIn('elsewhere');
    writeFileSync(fileOf('renewed'), JSON.stringify({ schema: 1, keys: [fresh, ...keysIn('one')] }), { mode: 0o600 });
    const renewed = await start('renewed');
    expect(await keyOf(renewed)).not.toBe(await keyOf(one));
    expect([await statusOf(one, '/ready'), await statusOf(renewed, '/ready')]).toEqual([503, 200]);
    // By now it has looked: it signs no challenge any more, and what needs no key goes on.
    const challenge = { station: 'line 1' };
    expect(await statusOf(one, '/api/v1/station/challenge', challenge)).toBe(503);
    expect(await statusOf(renewed, '/api/v1/station/challenge', challenge)).toBe(200);
    expect(await statusOf(one, '/health')).toBe(200);
    expect(await refusalOf(start('one-again', { keyFile: fileOf('one') }))).toMatchObject({ code: 'plant-keys' });
  });

  it('a lost key is replaced by a deliberate command, and by nothing else', async () => {
    const options = optionsOf('fresh');
    expect(await refusalOf(start('fresh'))).toMatchObject({ code: 'plant-keys' });
    const { publicKey } = await adoptPlantKey(options);
    expect(await keyOf(await start('fresh'))).toBe(publicKey);
    expect(await refusalOf(start('renewed'))).toMatchObject({ code: 'plant-keys' });
    const [entry] = z
      .array(z.object({ action: z.string(), who: z.string() }))
      .parse(
        JSON.parse(
          await postgres.psql(
            `SELECT json_agg(a) FROM (SELECT action, who FROM audit_log ORDER BY id DESC LIMIT 1) a`,
            'plant',
          ),
        ),
      );
    expect(entry).toEqual({ action: 'plant.key', who: 'command line' });
  });

  it('one that makes its own TLS certificate with another key is refused: stations pin it', async () => {
    copyKey('fresh', 'tls-one');
    copyKey('fresh', 'tls-two');
    await start('tls-one', { host: '0.0.0.0' });
    const refused = await refusalOf(start('tls-two', { host: '0.0.0.0' }));
    expect(refused).toMatchObject({ code: 'plant-keys', params: { detail: expect.stringContaining('TLS') } });
    copyFileSync(join(folder.path, 'tls-one', 'tls.key'), join(folder.path, 'tls-two', 'tls.key'));
    await start('tls-two', { host: '0.0.0.0' });
  });
});
