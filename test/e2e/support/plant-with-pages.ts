import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { realClock, realRandom } from '#main/app/real-clock.ts';
import { type Plant, startPlant } from '#plant/plant.ts';
import { createPlantClient, type PlantClient } from '#renderer/client/plant-client.ts';
import { STATEMENTS } from '#shared/contract/plant/station-api.ts';
import type { RecordDraft } from '#shared/model/unit-record.ts';
import { newSigner, PlantChain } from '#test/support/plant-chain.ts';

export const PASSWORD = 'correct horse battery staple';

/** Everybody who works in this plant; the admin first. */
const PEOPLE = [
  { name: 'ada', roles: ['admin'] },
  { name: 'mia', roles: ['process-engineer'] },
  { name: 'otto', roles: ['quality'] },
  { name: 'sue', roles: ['supervisor'] },
  { name: 'wei', roles: ['operator'] },
] as const;
export type PersonName = (typeof PEOPLE)[number]['name'];

/** Of a release that keys of this plant sign for. */
export const RELEASE = 'c'.repeat(64);

/** Hashing as it is meant would take most of the suite's time. */
const CHEAP = { memory: 1024, passes: 1 };

/** A station of the plant, enrolled over HTTP, and its session. */
export interface EnrolledStation {
  readonly chain: PlantChain;
  readonly client: PlantClient;
  /** Makes records of these drafts and delivers them. */
  send(drafts: readonly Partial<RecordDraft>[]): Promise<void>;
}

export interface PlantWithPages {
  readonly url: string;
  /** Calls as this person. */
  as(name: PersonName): Promise<PlantClient>;
  enrol(station: string): Promise<EnrolledStation>;
  /** At the plant's own desk: a development key, switched on. */
  makeKey(name: string): Promise<void>;
  /** The server process ends, and another one takes its place on the same port. */
  stop(): Promise<void>;
  startAgain(): Promise<void>;
  close(): Promise<void>;
}

/** The real plant server over PGlite, on loopback, with the built pages in `pages`. */
export async function startPlantWithPages(pages: string): Promise<PlantWithPages> {
  const folder = await mkdtemp(join(tmpdir(), 'flashline-plant-e2e-'));
  const start = (port: number): Promise<Plant> =>
    startPlant({
      folder,
      database: null,
      host: '127.0.0.1',
      port,
      name: 'Ulm',
      version: '0.0.0-test',
      keyFile: null,
      tls: null,
      pages,
      clock: realClock,
      random: realRandom,
      describe: ({ code }) => ({ message: code, remedy: '' }),
      log: () => undefined,
      limits: { anonymous: 100_000, session: 100_000 },
      passwordCost: CHEAP,
      developmentKeys: true,
    });
  let plant = await start(0);
  await addPeople(plant);
  const { url, port } = plant;
  return {
    url,
    as: (name) => signedIn(url, name),
    enrol: async (station) => enrol(url, await signedIn(url, 'ada'), station),
    async makeKey(name) {
      const act = { use: 'digest', store: 'development', from: { kind: 'ecdsa-p256' } } as const;
      await plant.desk.call('key.create', {
        name,
        ...act,
        policy: { enabled: true, quantity: 5, releases: [RELEASE] },
      });
    },
    stop: () => plant.close(),
    async startAgain() {
      plant = await start(port);
    },
    async close() {
      await plant.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function addPeople({ desk }: Plant): Promise<void> {
  for (const { name, roles } of PEOPLE)
    await desk.call('user.create', { name, roles: [...roles], products: [], password: PASSWORD, badge: null });
}

/** A client that keeps what a browser would: the cookie of its session, and where its page came from. */
async function signedIn(url: string, name: PersonName): Promise<PlantClient> {
  let cookie = '';
  const client = createPlantClient(async (input, init) => {
    const answer = await fetch(input, { ...init, headers: { ...headersOf(init), cookie, origin: url } });
    cookie = answer.headers.getSetCookie()[0]?.split(';', 1)[0] ?? cookie;
    return answer;
  }, url);
  await client.call('session.open', { body: { name, password: PASSWORD } });
  return client;
}

async function enrol(url: string, admin: PlantClient, station: string): Promise<EnrolledStation> {
  const signer = await newSigner();
  const { code } = await admin.call('station.invite', { body: { name: station } });
  const anybody = createPlantClient(fetch, url);
  await anybody.call('station.enrol', { body: { code, publicKey: signer.publicKey, appVersion: '0.1.0' } });
  const { challenge } = await anybody.call('station.challenge', { body: { station } });
  const answer = await signer.sign({ station, challenge }, STATEMENTS.challenge);
  const { token } = await anybody.call('station.session', { body: { answer } });
  const authorization = `Bearer ${token}`;
  const client = createPlantClient(
    (input, init) => fetch(input, { ...init, headers: { ...headersOf(init), authorization } }),
    url,
  );
  const chain = new PlantChain(station, signer);
  return {
    chain,
    client,
    async send(drafts) {
      const first = chain.records.length + 1;
      for (const draft of drafts) chain.add(draft);
      await client.call('station.records', { body: await chain.batch(first) });
    },
  };
}

function headersOf(init: RequestInit | undefined): Record<string, string> {
  return Object.fromEntries(new Headers(init?.headers));
}

export interface PlantPage {
  readonly page: Page;
  /** What a healthy page never has. */
  readonly complaints: string[];
}

interface PlantPageOptions {
  readonly as?: PersonName;
  readonly path?: string;
  readonly language?: string;
  /** The page's timers are in the test's hand: `page.clock`. */
  readonly clock?: boolean;
}

/** A browser session of its own at the plant; with `as`, signed in already. */
export async function openPlantPage(
  browser: Browser,
  plant: PlantWithPages,
  options: PlantPageOptions = {},
): Promise<PlantPage> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 720 },
    locale: options.language ?? 'en-GB',
    timezoneId: 'Asia/Shanghai',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    // Refusals and a server that is gone are the browser's to note, and a test's to bring about.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text()))
      complaints.push(`console: ${message.text()}`);
  });
  if (options.as !== undefined) {
    const data = { name: options.as, password: PASSWORD };
    const answer = await context.request.post(`${plant.url}/api/v1/session`, { data, headers: { origin: plant.url } });
    if (!answer.ok()) throw new Error(`${options.as} could not sign in: ${await answer.text()}`);
  }
  if (options.clock === true) await page.clock.install();
  await page.goto(plant.url + (options.path ?? '/'));
  return { page, complaints };
}
