import { assert, asyncProperty, constantFrom, oneof, string, tuple, uint8Array } from '#test/support/fast-check.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Endpoint } from '#shared/contract/plant/endpoint.ts';
import { PlantRole } from '#shared/contract/plant/endpoint.ts';
import { plantEndpoints, type PlantCall } from '#shared/contract/plant/endpoints.ts';
import { broken, fitting } from '#test/support/json-schema-arbitrary.ts';
import { type Answered, type Credential, NOBODY, PlantUnderTest, type StationKey } from '#test/support/plant-http.ts';

const nightly = process.env['FLASHLINE_NIGHTLY'] !== undefined;
const RUNS = nightly ? 500 : 12;
const TIMEOUT_MS = nightly ? 600_000 : 60_000;

const Content = z.record(z.string(), z.object({ schema: z.unknown() }));
const Operation = z.object({
  operationId: z.string(),
  parameters: z
    .array(z.object({ name: z.string(), in: z.enum(['path', 'query', 'cookie', 'header']), schema: z.unknown() }))
    .default([]),
  requestBody: z.object({ content: Content }).optional(),
  security: z.array(z.record(z.string(), z.unknown())).default([]),
  responses: z.record(z.string(), z.unknown()),
});
type Operation = z.infer<typeof Operation>;
const OpenApi = z.object({ openapi: z.literal('3.1.0'), paths: z.record(z.string(), z.record(z.string(), Operation)) });

let plant: PlantUnderTest;
let operations: ReadonlyMap<string, Operation>;
let station: StationKey;

beforeAll(async () => {
  plant = await PlantUnderTest.start();
  await plant.addPerson('everything', PlantRole.options, ['some-product']);
  station = await plant.enrol('L1');
  const response = await fetch(`${plant.url}/openapi.json`);
  const { paths } = OpenApi.parse(await response.json());
  operations = new Map(
    Object.values(paths)
      .flatMap((path) => Object.values(path))
      .map((each) => [each.operationId, each]),
  );
}, 120_000);
afterAll(() => plant.close());

/** Fresh for each call: some of them end sessions, and those that guess passwords have people wait. */
async function credentialFor({ security }: Operation): Promise<Credential> {
  plant.advance(2 * 3_600_000);
  if (security.length === 0) return NOBODY;
  return security.some((each) => 'station' in each) ? plant.openStation(station) : plant.signIn('everything');
}

/** The parts of a request as the document describes them, by `make`. */
function requests({ parameters, requestBody }: Operation, make: (schema: unknown) => ReturnType<typeof fitting>) {
  const members = (place: string) => {
    const mine = parameters.filter((parameter) => parameter.in === place);
    return mine.length === 0
      ? constantFrom({})
      : tuple(...mine.map(({ schema }) => make(schema))).map((values) =>
          Object.fromEntries(mine.map(({ name }, at) => [name, textOf(values[at])])),
        );
  };
  const content = requestBody?.content ?? {};
  const body =
    content['application/octet-stream'] === undefined ? jsonBody(content, make) : uint8Array({ maxLength: 200 });
  return tuple(members('path'), members('query'), body).map(([params, query, body]) => ({ params, query, body }));
}

function jsonBody(content: z.infer<typeof Content>, make: (schema: unknown) => ReturnType<typeof fitting>) {
  const schema = content['application/json']?.schema;
  return schema === undefined ? constantFrom<unknown>(undefined) : make(schema);
}

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  // What no URL can say.
  return text.isWellFormed() ? text : text.toWellFormed();
}

/** Either what the contract promises or a refusal; PlantRefusal is held against each one where it is read. */
function isInOrder(call: PlantCall, { status, body, code }: Answered): boolean {
  if (status >= 500 || code === 'internal') return false;
  if (code !== null) return true;
  const { answer, bytes }: Endpoint = plantEndpoints[call];
  return bytes === 'answer' || answer.safeParse(body).success;
}

describe('every call, fed by its own description', () => {
  it('is described: each call of the contract, and nothing else', () => {
    expect([...operations.keys()].sort()).toEqual(Object.keys(plantEndpoints).sort());
    for (const { responses } of operations.values()) expect(Object.keys(responses).sort()).toEqual(['200', 'default']);
  });

  it.each(Object.keys(plantEndpoints) as PlantCall[])(
    '%s',
    async (call) => {
      const operation = operations.get(call);
      if (operation === undefined) throw new Error('not described');
      const credential = await credentialFor(operation);
      const given = oneof(requests(operation, fitting), requests(operation, broken));
      const property = asyncProperty(given, async (request) => {
        const answered = await plant.send(call, credential, request);
        expect([isInOrder(call, answered), answered.status, answered.body]).toEqual([
          true,
          answered.status,
          answered.body,
        ]);
      });
      await assert(property, { numRuns: RUNS });
    },
    TIMEOUT_MS,
  );

  it(
    'bodies of any bytes, of any type, packed or not',
    async () => {
      const types = constantFrom(
        'application/json',
        'application/json; charset=latin1',
        'text/xml',
        'application/octet-stream',
        'x',
        '',
      );
      const encodings = constantFrom('identity', 'gzip', 'zstd', 'deflate', 'br', 'gzip, gzip', 'x');
      const bytes = oneof(
        uint8Array({ maxLength: 300 }),
        string().map((text) => new TextEncoder().encode(text)),
      );
      const calls = constantFrom<PlantCall>(
        'station.records',
        'station.session',
        'session.open',
        'buyer.trace',
        'certificate.verify',
      );
      const bearer = await plant.openStation(station);
      const property = asyncProperty(calls, types, encodings, bytes, async (call, type, encoding, body) => {
        const headers = { ...bearer, 'content-type': type, 'content-encoding': encoding };
        const url = `${plant.url}${plantEndpoints[call].path}`;
        const { status, code } = await plant.fetch(url, { method: 'POST', headers, body: body.slice() });
        expect([status < 500, code === 'internal', code === null]).toEqual([true, false, false]);
      });
      await assert(property, { numRuns: RUNS * 10 });
    },
    TIMEOUT_MS,
  );
});
