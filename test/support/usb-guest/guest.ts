import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '#test/support/cli.ts';
import type { FromRunner, ToRunner } from './runner-protocol.ts';
import { type GuestEnd, type GuestProcess, ToldProcess } from './guest-process.ts';
import { type GuestKernel, guestKernel } from './kernel.ts';

const CACHE = join(ROOT, 'node_modules', '.cache', 'flashline', 'usb-guest');
const HERE = 'test/support/usb-guest';
/** The host, as QEMU's user network shows it to the guest: what listens on its loopback is there. */
const HOST = '10.0.2.2';
const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
const BOOT_MS = 90_000;

/** Programs of the host that the guest needs, as scripts/programs.js names them. */
export const GUEST_PROGRAMS = [
  'qemu-system-x86_64',
  'busybox',
  'cpio',
  'depmod',
  'udevadm',
  'python3-intelhex',
] as const;

export type User = 'root' | 'nobody' | 'member';
/** User and group ids; Debian's plugdev is always 46. */
const IDS: Readonly<Record<User, readonly [number, number]>> = {
  root: [0, 0],
  nobody: [65_534, 65_534],
  member: [65_534, 46],
};

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** A member is nobody, but in the group that udev's rules name. */
  readonly as?: User;
  /** It is killed then, and the call rejects. 60 s when left out. */
  readonly timeoutMs?: number;
}

/**
 * A Linux with USB, where the machine that runs the tests has none: Debian's kernel in an emulated PC, whose root is this
 * machine's root (what the guest writes there is lost), with the kernel's own virtual host controller for USB/IP.
 */
export interface Guest {
  /** A folder of the host that the guest sees as `/out`, for files both ways. */
  readonly out: string;
  run(argv: readonly string[], options?: RunOptions): Promise<GuestEnd>;
  start(argv: readonly string[], options?: RunOptions): GuestProcess;
  /** Plugs a USB/IP server's device into root hub port `hubPort` (0 to 14): its physical path is `1-<hubPort + 1>`. */
  plugIn(server: { readonly port: number; readonly busid: string }, hubPort: number): Promise<void>;
  unplug(hubPort: number): Promise<void>;
  /** What the kernel and the first process said. */
  console(): string;
  /** Powers it off, and removes its folder. */
  stop(): Promise<void>;
}

/** Boots it (about ten seconds after the first time, which fetches the kernel) and starts udev in it. */
export async function bootGuest(): Promise<Guest> {
  const kernel = await guestKernel(CACHE);
  const folder = await mkdtemp(join(tmpdir(), 'flashline-guest-'));
  const server = createServer().listen(0, '127.0.0.1');
  let qemu: ChildProcess | undefined;
  try {
    await once(server, 'listening');
    const out = join(folder, 'out');
    await mkdir(out);
    await writeFile(join(out, 'job.sh'), job(portOf(server)));
    qemu = spawn('qemu-system-x86_64', qemuArguments(kernel, out), { stdio: ['ignore', 'pipe', 'pipe'] });
    const guest = new RunningGuest({ qemu, server, folder, out });
    await guest.ready();
    return guest;
  } catch (error) {
    qemu?.kill('SIGKILL');
    server.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** udev first: it names device nodes, gives them their rights, and tells of hotplug. */
function job(port: number): string {
  return `export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
cd '${ROOT}' && exec '${NODE}' ${HERE}/runner.ts ${HOST} ${port}
`;
}

function qemuArguments({ vmlinuz, initramfs }: GuestKernel, out: string): string[] {
  // A /dev/kvm that is there may be far slower than this, where the host is itself a guest.
  const machine = '-M q35 -accel tcg,thread=multi -cpu max -smp 2 -m 2048';
  const nothingElse = '-nodefaults -no-user-config -display none -monitor none -no-reboot -serial stdio';
  const share = 'security_model=none';
  const root = `-fsdev local,id=root,path=/,${share},readonly=on,multidevs=remap -device virtio-9p-pci,fsdev=root,mount_tag=hostroot`;
  const network = '-netdev user,id=net -device virtio-net-pci,netdev=net,romfile=';
  const out9p = ['-fsdev', `local,id=out,path=${out},${share}`, '-device', 'virtio-9p-pci,fsdev=out,mount_tag=out'];
  const boot = ['-kernel', vmlinuz, '-initrd', initramfs, '-append', 'console=ttyS0 quiet panic=-1'];
  return [...`${machine} ${nothingElse} ${root} ${network}`.split(' '), ...out9p, ...boot];
}

interface Parts {
  readonly qemu: ChildProcess;
  readonly server: Server;
  readonly folder: string;
  readonly out: string;
}

class RunningGuest implements Guest {
  readonly out: string;
  readonly #parts: Parts;
  readonly #processes = new Map<number, ToldProcess>();
  readonly #gone: Promise<unknown>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #atExit: () => void;
  #runner: Socket | undefined;
  #console = '';
  #lastId = 0;

  constructor(parts: Parts) {
    const { qemu, server, out } = parts;
    this.#parts = parts;
    this.out = out;
    // A test process that ends early leaves no QEMU behind.
    this.#atExit = () => void qemu.kill('SIGKILL');
    process.once('exit', this.#atExit);
    for (const stream of [qemu.stdout, qemu.stderr]) stream?.on('data', (bytes) => (this.#console += String(bytes)));
    this.#gone = once(qemu, 'exit').then(() => this.#lost());
    this.#ready.promise.catch(() => undefined);
    server.on('connection', (socket) => this.#connected(socket));
  }

  async ready(): Promise<void> {
    const timer = setTimeout(() => this.#ready.reject(this.#broken(`not up within ${BOOT_MS} ms`)), BOOT_MS);
    try {
      await this.#ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  start(argv: readonly string[], { env = {}, as = 'root' }: RunOptions = {}): GuestProcess {
    const id = ++this.#lastId;
    const process = new ToldProcess((signal) => this.#tell({ kind: 'signal', id, signal }));
    this.#processes.set(id, process);
    const [user, group] = IDS[as];
    this.#tell({ kind: 'start', id, argv, env, user, group, folder: ROOT });
    return process;
  }

  async run(argv: readonly string[], options: RunOptions = {}): Promise<GuestEnd> {
    const { timeoutMs = 60_000 } = options;
    const process = this.start(argv, options);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      process.signal('SIGKILL');
      late.reject(new Error(`not done within ${timeoutMs} ms: ${argv.join(' ')}: ${process.stdout()}`));
    }, timeoutMs);
    try {
      return await Promise.race([process.ended, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async plugIn(server: { readonly port: number; readonly busid: string }, hubPort: number): Promise<void> {
    const script = `${HERE}/attach.py`;
    await this.#must(['/usr/bin/python3', script, HOST, String(server.port), server.busid, String(hubPort)]);
  }

  async unplug(hubPort: number): Promise<void> {
    await this.#must(['sh', '-c', `echo ${hubPort} > /sys/devices/platform/vhci_hcd.0/detach`]);
  }

  console(): string {
    return this.#console;
  }

  async stop(): Promise<void> {
    const { qemu, server, folder } = this.#parts;
    this.#runner?.end();
    // It powers itself off when its runner has nobody to talk to; this is for one that cannot.
    const timer = setTimeout(() => qemu.kill('SIGKILL'), 10_000);
    await this.#gone;
    clearTimeout(timer);
    process.off('exit', this.#atExit);
    server.close();
    await rm(folder, { recursive: true, force: true });
  }

  async #must(argv: readonly string[]): Promise<void> {
    const end = await this.run(argv);
    if (end.code !== 0) throw new Error(`${argv.join(' ')}: ${end.stderr}`);
  }

  #connected(socket: Socket): void {
    this.#runner = socket.setNoDelay(true);
    // The guest's end is told by its QEMU.
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', (line) => {
      const message = JSON.parse(line) as FromRunner;
      if (message.kind === 'ready') this.#ready.resolve();
      else this.#processes.get(message.id)?.hear(message);
    });
  }

  #tell(message: ToRunner): void {
    this.#runner?.write(`${JSON.stringify(message)}\n`);
  }

  #lost(): void {
    this.#ready.reject(this.#broken('it ended'));
    for (const process of this.#processes.values()) process.end(null);
  }

  #broken(why: string): Error {
    return new Error(`the guest: ${why}; its console: ${this.#console}`);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP address');
  return address.port;
}
