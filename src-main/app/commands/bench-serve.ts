import { type Bench, createBench } from '../../bench/bench.ts';
import { serveGdb } from '../../bench/gdb/server.ts';
import { serveBitbang } from '../../bench/jtag/remote-bitbang.ts';
import type { ProbeName } from '../../bench/probe-profile.ts';
import { serveUsbip } from '../../bench/usbip/server.ts';
import type { UsbProbeOptions } from '../../bench/usbip/usb-probe.ts';
import { FlashlineError } from '#shared/model/failure.ts';
import { BENCH_SEED } from '../compose-connector.ts';
import { realClock } from '../compose-home.ts';
import { untilAborted } from '../until-aborted.ts';
import type { CliContext, CommonOptions } from './command.ts';

export interface ServeOptions extends CommonOptions {
  readonly chip: string;
  readonly as: string;
  readonly serial: string;
  readonly probe: ProbeName;
  readonly count: string;
}

/** A port with a simulated device behind it. */
interface Offer {
  readonly port: number;
  /** How other programs reach it. */
  readonly url: string;
  readonly busids?: readonly string[];
  /** For people: what to do with it. */
  readonly hints: readonly string[];
  close(): Promise<void>;
}

type Place = { readonly as: 'gdb' | 'bitbang'; readonly port: number } | UsbipPlace;
interface UsbipPlace {
  readonly as: 'usbip';
  readonly host: string;
  readonly port: number;
}

const MOST_PROBES = 32;
/** What `usbip` connects to unless it is told otherwise. */
const USBIP_PORT = 3240;

/** Offers the device until the context's signal aborts. Throws `usage` and `chip-unknown`. */
export async function benchServe(options: ServeOptions, context: CliContext): Promise<void> {
  const { chip } = options;
  const place = placeOf(options.as);
  const bench = createBench({ startAt: () => realClock.now(), seed: BENCH_SEED });
  const offer = await opened(place.port, () => {
    if (place.as === 'usbip') return offerUsbip(bench, options, place, context);
    return place.as === 'gdb' ? offerGdb(bench, options, place.port) : offerBitbang(bench, options, place.port);
  });
  if (options.json) {
    const { port, url, busids } = offer;
    context.print(JSON.stringify({ type: 'bench.serving', chip, url, port, busids }));
  } else {
    context.print(`A simulated ${chip} is at ${offer.url}`);
    for (const hint of offer.hints) context.print(`  ${hint}`);
    context.print('Ctrl+C stops it.');
  }
  await untilAborted(context.signal);
  await offer.close();
}

async function offerGdb(bench: Bench, { chip, serial }: ServeOptions, wanted: number): Promise<Offer> {
  const server = await serveGdb({ board: bench.boardFor(chip, serial), port: wanted });
  const { port } = server;
  const hints = [`gdb-multiarch -ex 'target remote 127.0.0.1:${port}'`];
  return { port, url: `gdb:tcp:127.0.0.1:${port}`, hints, close: () => server.close() };
}

async function offerBitbang(bench: Bench, { chip, serial }: ServeOptions, wanted: number): Promise<Offer> {
  const server = await serveBitbang({ board: bench.boardFor(chip, serial), port: wanted });
  const { port } = server;
  const pins = `-c 'adapter driver remote_bitbang' -c 'remote_bitbang host 127.0.0.1' -c 'remote_bitbang port ${port}'`;
  return { port, url: `bitbang:127.0.0.1:${port}`, hints: [`openocd ${pins}`], close: () => server.close() };
}

async function offerUsbip(bench: Bench, options: ServeOptions, place: UsbipPlace, context: CliContext): Promise<Offer> {
  const { host } = place;
  const tell = (event: object, text: string) => context.print(options.json ? JSON.stringify(event) : text);
  const server = await serveUsbip({
    port: place.port,
    host,
    probes: probesOf(bench, options),
    attached: (busid) => tell({ type: 'bench.attached', busid }, `${busid} was attached`),
    detached: (busid, packets) =>
      tell(
        { type: 'bench.detached', busid, ...packets },
        `${busid} was detached after ${packets.requests} packets, ${packets.requestBytes + packets.responseBytes} bytes`,
      ),
  });
  const { port, busids } = server;
  const tcp = port === USBIP_PORT ? '' : ` --tcp-port ${port}`;
  const hints = ['modprobe vhci-hcd', ...busids.map((busid) => `usbip${tcp} attach -r ${host} -b ${busid}`)];
  return { port, url: `usbip:${host}:${port}`, busids, hints, close: () => server.close() };
}

/** Probes that only their ports tell apart, each on a unit of its own. */
function probesOf(bench: Bench, { chip, serial, probe, count }: ServeOptions): UsbProbeOptions[] {
  const number = /^\d{1,3}$/u.test(count) ? Number(count) : 0;
  if (number < 1 || number > MOST_PROBES) throw usage(`--count is 1 to ${MOST_PROBES}, not ${count}`);
  const realMs = () => realClock.monotonic();
  return Array.from({ length: number }, (_, index) => {
    const unit = index === 0 ? serial : `${serial}-${index + 1}`;
    // Asked for now, so that a chip that the bench has not is said before anybody attaches it.
    bench.boardFor(chip, unit);
    return { bench, chip, unit, probe, probeSerial: serial, realMs };
  });
}

function placeOf(as: string): Place {
  const [, gdbPort] = /^tcp:(\d{1,5})$/u.exec(as) ?? [];
  if (isPort(gdbPort)) return { as: 'gdb', port: Number(gdbPort) };
  const [, bitbangPort] = /^bitbang:(\d{1,5})$/u.exec(as) ?? [];
  if (isPort(bitbangPort)) return { as: 'bitbang', port: Number(bitbangPort) };
  const [, host, usbipPort] = /^usbip:([^\s:]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/u.exec(as) ?? [];
  if (host !== undefined && isPort(usbipPort))
    return { as: 'usbip', host: host.replaceAll(/^\[|\]$/gu, ''), port: Number(usbipPort) };
  throw usage(`--as is tcp:<port>, bitbang:<port> or usbip:<host>:<port>, for example usbip:127.0.0.1:3240, not ${as}`);
}

function isPort(digits: string | undefined): boolean {
  return digits !== undefined && Number(digits) <= 65_535;
}

async function opened(port: number, open: () => Promise<Offer>): Promise<Offer> {
  try {
    return await open();
  } catch (cause) {
    if (cause instanceof FlashlineError) throw cause;
    throw new FlashlineError('usage', { params: { detail: `port ${port} cannot be had; choose another` }, cause });
  }
}

function usage(detail: string): FlashlineError {
  return new FlashlineError('usage', { params: { detail } });
}
