import { createHash } from 'node:crypto';
import { asyncProperty, array, assert, constantFrom, record } from '#test/support/fast-check.ts';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import type { CommandSettings } from '#plant/commands/commands-file.ts';
import type { keepUse } from '#plant/commands/keep-use.ts';
import { PlantCommands } from '#plant/commands/commands.ts';
import type { Database } from '#plant/database/database.ts';
import { askedDigest, UnitDataStatement, type UnitDataRequest } from '#shared/contract/plant/command-api.ts';
import { readStatement } from '#shared/contract/plant/read-statement.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import { newSigner } from '#test/support/plant-chain.ts';
import { openMemoryDatabase } from '#test/support/plant/migrated-database.ts';
import { failureOf } from '../../release/failure-of.ts';

const NOON = Date.parse('2028-02-29T12:00:00Z');
const RELEASE = 'a'.repeat(64);
const signer = await newSigner();
let database: Database;
let nowMs = NOON;
let auditedBefore = 0;
const opened: PlantCommands[] = [];

/** What a program does with what it is told; how many there were before it, it may count. */
type Behaviour = (question: Record<string, unknown>, signal: AbortSignal) => Ended | Promise<Ended>;
type Ended = Parameters<typeof keepUse>[1]['ended'];
let questions: Record<string, unknown>[] = [];
const runs = () => questions;
const said = { ms: 1, said: '' };
const gave = (text: string): Ended => ({ ...said, end: 'gave', data: new TextEncoder().encode(text) });
const ended = (end: 'failed' | 'lost', detail: string): Ended => ({ ...said, end, detail });
const GIVES: Behaviour = () => gave(`blob ${questions.length}`);
/** Until its server ends. */
const HANGS: Behaviour = (_, signal) =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(ended('lost', 'the server ended it: it is closing')));
  });

beforeAll(async () => {
  database = await openMemoryDatabase();
});
afterAll(async () => {
  await database.close();
});
beforeEach(async () => {
  await database.query('RESET ROLE; TRUNCATE command_requests, command_uses, plant_commands; SET ROLE flashline_app');
  auditedBefore = Number((await database.query('SELECT coalesce(max(id), 0)::int AS id FROM audit_log'))[0]?.['id']);
  questions = [];
  nowMs = NOON;
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((each) => each.close()));
});

/** A server with one command. */
function serverWith(behaviour: Behaviour, more: Partial<CommandSettings> = {}): PlantCommands {
  const { policy = {}, ...rest } = more;
  const limits = { stations: null, products: null, perMinute: null, quantity: null, until: null };
  const program = { run: ['/opt/licence'], folder: '/', environment: {}, seconds: 10, maxBytes: 4096, atOnce: 1 };
  const command: CommandSettings = {
    ...program,
    name: 'licence',
    again: 'same',
    repeatable: false,
    ...rest,
    policy: { enabled: true, releases: [RELEASE], ...limits, ...policy },
  };
  const commands = new PlantCommands({
    database,
    settings: new Map([['licence', command]]),
    signer,
    random: realRandom,
    clock: realClock,
    now: () => new Date(nowMs),
    warden: { watch: () => undefined, release: () => undefined, close: () => undefined },
    run: async (_, input, { signal }) => {
      const question: Record<string, unknown> = JSON.parse(input);
      questions.push(question);
      return behaviour(question, signal);
    },
  });
  opened.push(commands);
  return commands;
}

let requests = 0;
const asked = (given: Partial<UnitDataRequest> = {}): UnitDataRequest => ({
  request: `request-${String((requests += 1)).padStart(16, '0')}`,
  command: 'licence',
  product: 'hello',
  revision: 'A',
  release: RELEASE,
  serial: 'HB000001',
  uid: 'ab12',
  macs: [],
  run: 'run-1',
  order: null,
  values: { 'scan.batch': '7B' },
  atLeast: 1,
  atMost: 64,
  ...given,
});
const give = (server: PlantCommands, request: UnitDataRequest, station = 'L1') =>
  server.give(request, { station, now: new Date(nowMs) });
/** The bytes as text, and the plant's word for them, proven. */
const given = async (server: PlantCommands, request: UnitDataRequest, station = 'L1') => {
  const answer = await give(server, request, station);
  if (answer.state !== 'made') throw new Error(answer.state);
  const said = await readStatement(answer.statement, STATEMENTS.unitData, signer.publicKey, UnitDataStatement);
  const data = Buffer.from(answer.data, 'base64');
  expect(said).toMatchObject({
    station,
    request: request.request,
    asked: askedDigest(request),
    command: 'licence',
    size: data.length,
    sha256: createHash('sha256').update(data).digest('hex'),
  });
  return { text: data.toString(), again: said?.again, use: said?.use };
};
const refusalOf = async (server: PlantCommands, request: UnitDataRequest, station = 'L1') => {
  const { code, blame, params } = await failureOf(() => give(server, request, station));
  return [code, blame, String(params['reason'] ?? params['detail'] ?? params['seconds'])];
};
const audited = async () =>
  database.query('SELECT who, action, object, detail FROM audit_log WHERE id > $1 ORDER BY id', [auditedBefore]);
const actions = async () => (await audited()).map(({ action }) => action);

describe('a unit', () => {
  it('is given what the program makes of it, and the audit log says what', async () => {
    const server = serverWith(() => ({ ...gave('blob 1'), said: 'hello' }));
    const request = asked({ macs: ['02:00:5e:00:53:01'], order: 'O-1' });
    const { text, again, use } = await given(server, request);
    expect([text, again]).toEqual(['blob 1', false]);
    const { macs, order, run, values, serial, uid, release } = request;
    const unit = { product: { id: 'hello', revision: 'A' }, release, serial, uid, macs, run, order, values };
    expect(runs()).toEqual([
      { schema: 1, command: 'licence', use, try: false, station: 'L1', ...unit, atLeast: 1, atMost: 64 },
    ]);
    const detail = { request: request.request, use, serial, uid, order: 'O-1', size: '6', said: 'hello' };
    expect(await audited()).toMatchObject([{ who: 'L1', action: 'command.give', object: 'licence', detail }]);
    // What a unit brought may be its secret: the log has none of it.
    expect(JSON.stringify(await audited())).not.toContain('7B');
  });

  it('has one use, however often the same request comes, also at once', async () => {
    const server = serverWith(GIVES, { atOnce: 4 });
    const request = asked();
    const first = await Promise.all(Array.from({ length: 5 }, () => given(server, request)));
    expect(new Set(first.map(({ text }) => text))).toEqual(new Set(['blob 1']));
    nowMs += 30 * 86_400_000;
    expect(
      await given(
        serverWith(() => ended('failed', 'x'), { policy: { enabled: false } as never }),
        request,
      ),
    ).toEqual(first[0]);
    expect([runs().length, await actions()]).toEqual([1, ['command.give']]);
    expect(await refusalOf(server, { ...request, serial: 'HB000002' })).toEqual([
      'plant-command-refused',
      'plant',
      `request ${request.request} was for something else`,
    ]);
  });

  it('that comes again, to whichever station, is given the same; made for other values it is refused', async () => {
    const server = serverWith(GIVES, { policy: { quantity: 1 } as never });
    await given(server, asked());
    const again = asked({ run: 'run-2', order: 'O-2' });
    expect(await given(server, again, 'L2')).toMatchObject({ text: 'blob 1', again: true });
    expect((await refusalOf(server, asked({ values: { 'scan.batch': '8C' } })))[2]).toContain('made for other values');
    expect((await refusalOf(server, asked({ uid: 'cd34' })))[2]).toBe('all 1 uses of its policy are used up');
    expect(await actions()).toEqual(['command.give', 'command.again', 'command.refuse', 'command.refuse']);
    expect(server.counts()).toEqual([
      { command: 'licence', end: 'given', count: 1 },
      { command: 'licence', end: 'repeated', count: 1 },
      { command: 'licence', end: 'refused', count: 2 },
    ]);
  });

  it('that may have it once only is refused when it comes again, and its lost answer is not', async () => {
    const server = serverWith(GIVES, { again: 'refuse' });
    const request = asked();
    await given(server, request);
    expect((await refusalOf(server, asked()))[2]).toMatch(/^it was given this at station L1, .*has it only once$/);
    expect((await given(server, request)).text).toBe('blob 1');
    // The bytes are gone an hour later, with the next use at the latest; that it was given stays known.
    nowMs += 3_600_001;
    await given(server, asked({ serial: 'HB000002' }));
    expect((await refusalOf(server, request))[2]).toContain('is not kept any longer');
    expect(await server.renew('licence', 'HB000001', 'new module', 'ada')).toBe(1);
    expect((await given(server, asked())).text).toBe('blob 3');
    expect((await audited()).at(-2)).toMatchObject({ action: 'command.renew', detail: { reason: 'new module' } });
  });

  it('has a use for every run where that is said', async () => {
    const server = serverWith(GIVES, { again: 'new' });
    const request = asked();
    expect((await given(server, request)).text).toBe('blob 1');
    expect((await given(server, request)).text).toBe('blob 1');
    expect((await given(server, asked())).text).toBe('blob 2');
  });

  it('of another release is another use', async () => {
    const other = 'b'.repeat(64);
    const server = serverWith(GIVES, { policy: { releases: [RELEASE, other] } as never });
    await given(server, asked());
    expect((await given(server, asked({ release: other }))).text).toBe('blob 2');
  });
});

describe('a use that ends badly', () => {
  it('by the program’s word is none: the same request has the same answer, the next one another try', async () => {
    let isMended = false;
    const server = serverWith(
      (question, signal) =>
        isMended ? GIVES(question, signal) : { ...ended('failed', 'it ended with 4'), said: 'no' },
      { policy: { quantity: 1 } as never },
    );
    const request = asked();
    const failed = ['plant-command-failed', 'plant', 'it ended with 4'];
    expect(await refusalOf(server, request)).toEqual(failed);
    isMended = true;
    expect(await refusalOf(server, request)).toEqual(failed);
    expect((await given(server, asked())).text).toBe('blob 2');
    expect((await audited())[0]).toMatchObject({
      action: 'command.fail',
      detail: { outcome: 'failed', reason: 'it ended with 4', said: 'no' },
    });
  });

  const LOST: readonly [string, Behaviour, string][] = [
    ['its time', () => ended('lost', 'it was ended after 0.1 s'), 'it was ended after 0.1 s'],
    ['more than the partition', () => gave('x'.repeat(65)), 'it gave 65 bytes, and the partition takes 1 to 64'],
    ['no byte', () => gave(''), 'it gave 0 bytes, and the partition takes 1 to 64'],
  ];
  it.each(LOST)('by %s may have used something up: there is no second one unasked', async (_, behaviour, detail) => {
    const server = serverWith(behaviour);
    const request = asked();
    expect(await refusalOf(server, request)).toEqual(['plant-command-failed', 'plant', detail]);
    expect(await refusalOf(server, request)).toEqual(['plant-command-failed', 'plant', detail]);
    expect((await refusalOf(server, asked()))[2]).toContain('flashline plant commands renew');
    expect([runs().length, (await server.list())[0]]).toMatchObject([1, { given: 0, lost: 1 }]);
    expect(await server.renew('licence', 'HB000001', 'looked at', 'ada')).toBe(1);
    await refusalOf(server, asked());
    expect(runs()).toHaveLength(2);
  });

  it('is tried again by the same use where the command may be repeated', async () => {
    const server = serverWith(
      (question, signal) =>
        questions.length === 1 ? ended('lost', 'it was ended by SIGKILL') : GIVES(question, signal),
      { repeatable: true, policy: { quantity: 1 } as never },
    );
    await refusalOf(server, asked());
    expect((await given(server, asked())).text).toBe('blob 2');
    const [first, second] = runs();
    expect([typeof first?.['use'], first?.['use']]).toEqual(['string', second?.['use']]);
  });

  it('with its server is known as such: by none but the next server, once its time is over', async () => {
    const server = serverWith(HANGS);
    const request = asked();
    // As kill -9 leaves it: begun, and nobody at work.
    const dying = give(server, request).catch(() => undefined);
    await expect.poll(() => runs().length, { interval: 10 }).toBe(1);
    const next = serverWith(GIVES);
    // Another server may still be at work with it.
    const waiting = give(next, request);
    await database.query("UPDATE command_uses SET held_until = $1 WHERE state = 'begun'", [new Date(nowMs)]);
    await expect(waiting).rejects.toThrow('plant-command-refused');
    expect((await refusalOf(next, asked()))[2]).toContain('is not known');
    await server.close();
    await dying;
    expect(runs()).toHaveLength(1);
    expect((await audited()).filter(({ action }) => action === 'command.fail')).toHaveLength(2);
  });

  it('with its server is begun again by the same use where the command may be repeated', async () => {
    const server = serverWith(HANGS, { repeatable: true });
    const request = asked();
    const dying = give(server, request).catch(() => undefined);
    await expect.poll(() => runs().length, { interval: 10 }).toBe(1);
    const next = serverWith(GIVES, { repeatable: true });
    await next.nobodyElse();
    expect((await given(next, request)).text).toBe('blob 2');
    const [first, second] = runs();
    expect(first?.['use']).toBe(second?.['use']);
    // What the dead one could still say changes nothing.
    await server.close();
    await dying;
    expect((await given(next, asked())).text).toBe('blob 2');
  });
});

describe('a policy', () => {
  const CASES: readonly [string, object, Partial<UnitDataRequest>, string][] = [
    ['switched off', { enabled: false }, {}, 'it is switched off'],
    ['over', { until: new Date(NOON).toISOString() }, {}, 'its policy ended'],
    ['of other stations', { stations: ['L2'] }, {}, 'it does not give for station L1'],
    ['of other products', { products: ['other'] }, {}, 'it does not give for product hello'],
    ['of other releases', { releases: ['b'.repeat(64)] }, {}, `it does not give for release ${RELEASE}`],
    ['of published releases', { releases: null }, {}, `release ${RELEASE} is not published here`],
  ];
  it.each(CASES)('%s: the program is not run, and the audit log has it', async (_, policy, request, reason) => {
    const server = serverWith(GIVES, { policy: policy as never });
    const [code, blame, why] = await refusalOf(server, asked(request));
    expect([code, blame]).toEqual(['plant-command-refused', 'plant']);
    expect(why).toContain(reason);
    expect([runs(), await actions()]).toEqual([[], ['command.refuse']]);
  });

  it('names no command that is not there', async () => {
    expect((await refusalOf(serverWith(GIVES), asked({ command: 'other' })))[2]).toBe(
      'the plant has no command of this name',
    );
  });

  it('of a rate has whoever comes too often wait', async () => {
    const server = serverWith(GIVES, { policy: { perMinute: 2 } as never });
    for (const serial of ['HB1', 'HB2']) await given(server, asked({ serial }));
    nowMs += 20_000;
    expect(await refusalOf(server, asked({ serial: 'HB3' }))).toEqual(['too-many-requests', 'plant', '40']);
    expect((await given(server, asked({ serial: 'HB1' }))).again).toBe(true);
    nowMs += 40_000;
    await given(server, asked({ serial: 'HB3' }));
  });

  it('of a quantity is never exceeded, however many ask at once', async () => {
    const server = serverWith(GIVES, { atOnce: 3, policy: { quantity: 3 } as never });
    const ends = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => give(server, asked({ serial: `HB${index}` }))),
    );
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    expect(runs()).toHaveLength(3);
  });
});

describe('a command that is tried', () => {
  it('is told so, has no use, and is in the audit log', async () => {
    const server = serverWith(GIVES, { policy: { enabled: false } as never });
    const unit = { product: 'try', revision: 'A', serial: 'TRY1', uid: null, macs: [], values: {} };
    const { ended, sha256 } = await server.try('licence', unit, 'ada');
    expect(ended).toMatchObject({ end: 'gave' });
    expect(sha256).toBe(createHash('sha256').update('blob 1').digest('hex'));
    expect(runs()).toMatchObject([{ try: true, serial: 'TRY1', release: '0'.repeat(64) }]);
    expect((await server.list())[0]).toMatchObject({ given: 0, lost: 0 });
    expect(await audited()).toMatchObject([{ who: 'ada', action: 'command.try', detail: { serial: 'TRY1' } }]);
    expect((await failureOf(() => server.try('other', unit, 'ada'))).code).toBe('not-found');
  });
});

/** What a licence server would count: each use once, whatever is lost on the way. */
describe('units, runs, lost answers and dead servers in any order', () => {
  let cases = 0;
  const step = record({
    board: constantFrom('1', '2'),
    how: constantFrom('new run', 'same request', 'answer lost', 'server dies'),
  });

  it.each(['same', 'refuse'] as const)('use a command once for each unit (%s)', async (again) => {
    const numRuns = process.env['FLASHLINE_NIGHTLY'] === undefined ? 4 : 300;
    await assert(
      asyncProperty(array(step, { minLength: 3, maxLength: 8 }), async (steps) => {
        questions = [];
        const unit = `HB${(cases += 1)}-`;
        let server = serverWith(GIVES, { again });
        const last = new Map<string, UnitDataRequest>();
        for (const { board, how } of steps) {
          const serial = `${unit}${board}`;
          if (how === 'server dies') {
            server = serverWith(GIVES, { again });
            await server.nobodyElse();
          }
          const earlier = last.get(serial);
          const request = how === 'same request' && earlier ? earlier : asked({ serial });
          const isFirst = !last.has(serial);
          if (isFirst) last.set(serial, request);
          const answer = await give(server, request).catch(() => null);
          expect(['made', again === 'refuse' ? 'refused' : '']).toContain(answer?.state ?? 'refused');
        }
        const used = runs().map(({ serial }) => String(serial));
        expect(used.toSorted()).toEqual([...last.keys()].toSorted());
      }),
      { numRuns },
    );
  });
});
