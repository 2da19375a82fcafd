import { describe, expect, it } from 'vitest';
import { createPlantClient, PlantCallFailed } from '#renderer/client/plant-client.ts';
import { FlashlineError } from '#shared/model/failure.ts';

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
}

function clientThat(answer: (sent: Sent) => Response | Promise<Response>) {
  const sent: Sent[] = [];
  const fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const one = { url: String(input), init };
    sent.push(one);
    return answer(one);
  };
  return { sent, client: createPlantClient(fetch, 'https://plant.example') };
}

const json = (body: unknown, status = 200): Response => new Response(JSON.stringify(body), { status });

async function failureOf(work: Promise<unknown>) {
  const thrown: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(thrown instanceof PlantCallFailed)) throw new TypeError(`no PlantCallFailed: ${String(thrown)}`);
  return thrown.failure;
}

describe('the plant’s client', () => {
  it('puts params into the path, escaped, and the rest where it belongs', async () => {
    const { sent, client } = clientThat(({ url }) => json(url.includes('/units?') ? { units: [], next: null } : []));
    await client.call('unit.trace', { params: { serial: 'a/b?c#d %' } });
    await client.call('unit.find', { query: { by: 'mac', value: '02:00:5e:00:53:01' } });
    expect(sent.map(({ url }) => url)).toEqual([
      'https://plant.example/api/v1/units/a%2Fb%3Fc%23d%20%25',
      'https://plant.example/api/v1/units?by=mac&value=02%3A00%3A5e%3A00%3A53%3A01',
    ]);
    expect(sent[0]?.init).toMatchObject({ method: 'GET', credentials: 'same-origin' });
  });

  it('sends bytes as bytes', async () => {
    const { sent, client } = clientThat(() => json({ no: 'release' }));
    await failureOf(client.call('release.upload', { body: new Uint8Array([1, 2, 3]) }));
    expect(sent[0]?.init.headers).toEqual({ 'content-type': 'application/octet-stream' });
    const body = sent[0]?.init.body;
    expect(body instanceof Blob && new Uint8Array(await body.arrayBuffer())).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('throws the plant’s refusal as its failure', async () => {
    const { failure } = new FlashlineError('second-person');
    const { client } = clientThat(() => json({ failure, message: 'no', remedy: 'ask' }, 409));
    const call = client.call('release.approve', { params: { digest: 'a'.repeat(64) } });
    expect(await failureOf(call)).toEqual(failure);
  });

  it.each([
    ['a server that is gone', () => Promise.reject(new TypeError('Failed to fetch')), 'plant-unreachable'],
    ['a proxy without its plant', () => new Response('<html>Bad gateway', { status: 502 }), 'plant-unreachable'],
    ['an answer of another program', () => new Response('<html>', { status: 200 }), 'plant-protocol'],
    ['an answer of another version', () => json({ name: 7 }), 'plant-protocol'],
    ['a refusal in no form', () => json({ error: 'x' }, 418), 'plant-protocol'],
  ] as const)('names %s', async (_, answer, code) => {
    const { client } = clientThat(answer);
    expect((await failureOf(client.call('plant.about'))).code).toBe(code);
  });

  it('passes an abort on as it is', async () => {
    const { client } = clientThat(({ init }) =>
      init.signal?.aborted === true ? Promise.reject(new DOMException('x', 'AbortError')) : json([]),
    );
    const reason = new Error('the page went away');
    await expect(client.call('unit.trace', { params: { serial: 'x' } }, AbortSignal.abort(reason))).rejects.toBe(
      reason,
    );
  });
});
