import type { Signer } from '#shared/base/signer.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { AnswerOf, CallOf } from '#shared/contract/plant/endpoint.ts';
import type { PlantEndpoints } from '#shared/contract/plant/endpoints.ts';
import { hasCode } from './has-code.ts';
import type { CallOptions, PlantClient, StationCall } from './plant-client.ts';

/**
 * A station's calls, with the proof of who it is: it signs what the plant makes up, so no clock is needed. The token that it
 * is given is kept in memory only, and asked for anew once when the plant does not know it any more.
 */
export class PlantSession {
  readonly #client: PlantClient;
  readonly #station: string;
  readonly #signer: () => Promise<Signer>;
  #token: string | null = null;

  constructor(client: PlantClient, station: string, signer: () => Promise<Signer>) {
    this.#client = client;
    this.#station = station;
    this.#signer = signer;
  }

  async call<C extends StationCall>(
    name: C,
    request: CallOf<PlantEndpoints[C]>,
    options: CallOptions,
  ): Promise<AnswerOf<PlantEndpoints[C]>> {
    const token = this.#token;
    if (token !== null) {
      try {
        return await this.#client.call(name, request, { ...options, token });
      } catch (thrown) {
        if (!hasCode(thrown, 'signed-out')) throw thrown;
        // Another call may have a new one already.
        if (this.#token === token) this.#token = null;
      }
    }
    return this.#client.call(name, request, { ...options, token: this.#token ?? (await this.#open(options)) });
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #open({ signal, deadlineMs }: CallOptions): Promise<string> {
    const options = deadlineMs === undefined ? { signal } : { signal, deadlineMs };
    const station = this.#station;
    const signer = await this.#signer();
    const { challenge } = await this.#client.call('station.challenge', { body: { station } }, options);
    const answer = await signer.sign({ station, challenge }, STATEMENTS.challenge);
    const { token } = await this.#client.call('station.session', { body: { answer } }, options);
    this.#token = token;
    return token;
  }
}
