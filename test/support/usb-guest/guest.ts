import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT } from '#test/support/cli.ts';
import type { FromRunner, ToRunner } from './runner-protocol.ts';
import { FLASHLINE_MODULE, QUICK_START } from './flashline.ts';
import { type GuestEnd, type GuestProcess, ToldProcess } from './guest-process.ts';
import { type GuestKernel, guestKernel } from './kernel.ts';

const CACHE = join(ROOT, 'node_modules', '.cache', 'flashline', 'usb-guest');
/** The host, as QEMU's user network shows it to the guest: what listens on its loopback is there. */
const HOST = '10.0.2.2';
/** As the guest sees it too. */
export const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
const RUNNER = '/out/runner.mjs';
const VHCI = '/sys/devices/platform/vhci_hcd.0';
/** Ten seconds of an idle core; where others have it too, it takes as long as it takes. */
const BOOT_MS = 400_000;

/** A timer that the host is too busy to serve in time is no broken timer; and nobody has to be protected from anybody here. */
const APPEND =
  'console=ttyS0 quiet panic=-1 no_timer_check mitigations=off init_on_alloc=0 apparmor=0 audit=0 nowatchdog';

/** Tests have limits of their own: this one ends what hangs beyond them. */
const RUN_MS = 600_000;

/** Programs of the host that the guest needs, as scripts/programs.js names them. */
export const GUEST_PROGRAMS = ['qemu-system-x86_64', 'busybox', 'cpio', 'depmod', 'udevadm'] as const;

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
  /** It is killed then, and the call rejects. RUN_MS when left out. */
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
  /** A command line of Flashline's without a process of its own, once `bundleFlashline` has put it into `out`. */
  flashline(args: readonly string[], options?: RunOptions): Promise<GuestEnd>;
  /** Plugs a USB/IP server's device into root hub port `hubPort` (0 to 14): its physical path is `1-<hubPort + 1>`. */
  plugIn(server: { readonly port: number; readonly busid: string }, hubPort: number): Promise<void>;
  unplug(hubPort: number): Promise<void>;
  /** Resolves once nothing is on the bus, for who comes next. */
  unplugAll(): Promise<void>;
  /** What the kernel and the first process said. */
  console(): string;
  /** Powers it off, and removes its folder. */
  stop(): Promise<void>;
}

/**
 * Boots it (about ten seconds after the first time, which fetches the kernel) and starts udev in it. `prepare` fills its `out`
 * meanwhile.
 */
export async function bootGuest(prepare: (out: string) => Promise<void> = () => Promise.resolve()): Promise<Guest> {
  const kernel = await guestKernel(CACHE);
  const folder = await mkdtemp(join(tmpdir(), 'flashline-guest-'));
  const server = createServer().listen(0, '127.0.0.1');
  let qemu: ChildProcess | undefined;
  try {
    await once(server, 'listening');
    const out = join(folder, 'out');
    await mkdir(out);
    await writeFile(join(out, 'job.sh'), job(portOf(server)));
    for (const name of ['runner', 'attach'])
      await writeFile(join(out, `${name}.mjs`), await asJavaScript(`${name}.ts`));
    qemu = spawn('qemu-system-x86_64', qemuArguments(kernel, out), { stdio: ['ignore', 'pipe', 'pipe'] });
    const guest = new RunningGuest({ qemu, server, folder, out });
    await Promise.all([guest.ready(), prepare(out)]);
    return guest;
  } catch (error) {
    qemu?.kill('SIGKILL');
    server.close();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Here and not in the guest: it is a WebAssembly module, which an emulated processor would have to compile. */
async function asJavaScript(name: string): Promise<string> {
  return stripTypeScriptTypes(await readFile(join(import.meta.dirname, name), 'utf8'));
}

/** udev first: it names device nodes, gives them their rights, and tells of hotplug. */
function job(port: number): string {
  return `export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add --subsystem-match=usb
cd '${ROOT}' && UV_THREADPOOL_SIZE=40 exec '${NODE}' ${QUICK_START.join(' ')} ${RUNNER} ${HOST} ${port}
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
  const boot = ['-kernel', vmlinuz, '-initrd', initramfs, '-append', APPEND];
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
  readonly #runners: Record<User, RunnerOfUser> = { root: noRunner(), nobody: noRunner(), member: noRunner() };
  readonly #atExit: () => void;
  #root: Socket | undefined;
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
    for (const { socket } of Object.values(this.#runners)) socket.promise.catch(() => undefined);
    server.on('connection', (socket) => this.#connected(socket));
  }

  async ready(): Promise<void> {
    const { promise, reject } = this.#runners.root.socket;
    const timer = setTimeout(() => reject(this.#broken(`not up within ${BOOT_MS} ms`)), BOOT_MS);
    try {
      this.#root = await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  start(argv: readonly string[], { env = {}, as = 'root' }: RunOptions = {}): GuestProcess {
    const [user, group] = IDS[as];
    const { id, process } = this.#process();
    this.#tell({ kind: 'start', id, argv, env, user, group, folder: ROOT });
    return process;
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<GuestEnd> {
    return inTime(this.start(argv, options), argv, options);
  }

  flashline(args: readonly string[], options: RunOptions = {}): Promise<GuestEnd> {
    return inTime(this.#call(FLASHLINE_MODULE, args, options), args, options);
  }

  async plugIn(server: { readonly port: number; readonly busid: string }, hubPort: number): Promise<void> {
    const words = [HOST, `${server.port}`, server.busid, `${hubPort}`];
    const { code, stderr } = await inTime(this.#call('/out/attach.mjs', words), words, {});
    if (code !== 0) throw new Error(`${server.busid} was not plugged in: ${stderr}`);
  }

  async unplug(hubPort: number): Promise<void> {
    await this.#must(`echo ${hubPort} > ${VHCI}/detach`);
  }

  async unplugAll(): Promise<void> {
    await this.#must(`for port in $(seq 0 14); do echo $port > ${VHCI}/detach 2>/dev/null; done
      while ls /sys/bus/usb/devices/1-*/idVendor >/dev/null 2>&1; do sleep 0.1; done; udevadm settle`);
  }

  console(): string {
    return this.#console;
  }

  async stop(): Promise<void> {
    const { qemu, server, folder } = this.#parts;
    this.#root?.end();
    // It powers itself off when its runner has nobody to talk to; this is for one that cannot.
    const timer = setTimeout(() => qemu.kill('SIGKILL'), 10_000);
    await this.#gone;
    clearTimeout(timer);
    process.off('exit', this.#atExit);
    server.close();
    await rm(folder, { recursive: true, force: true });
  }

  #process(): { readonly id: number; readonly process: ToldProcess } {
    const id = ++this.#lastId;
    const process = new ToldProcess((signal) => this.#tell({ kind: 'signal', id, signal }));
    this.#processes.set(id, process);
    return { id, process };
  }

  #call(module: string, args: readonly string[], { env = {}, as = 'root' }: RunOptions = {}): GuestProcess {
    const { id, process } = this.#process();
    const told = this.#runnerOf(as).then((runner) => tell(runner, { kind: 'call', id, module, args, env }));
    told.catch(() => process.end(null));
    return process;
  }

  /** A user's is started when it is needed first: it has that user's rights for all that it does. */
  #runnerOf(user: User): Promise<Socket> {
    const { socket, asked } = this.#runners[user];
    if (user !== 'root' && !asked) {
      this.#runners[user] = { socket, asked: true };
      this.start([NODE, ...QUICK_START, RUNNER, HOST, String(portOf(this.#parts.server))], { as: user });
    }
    return socket.promise;
  }

  async #must(script: string): Promise<void> {
    const end = await this.run(['sh', '-c', script]);
    if (end.code !== 0) throw new Error(`${script}: ${end.stderr}`);
  }

  #connected(socket: Socket): void {
    socket.setNoDelay(true);
    // The guest's end is told by its QEMU.
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('line', (line) => {
      const message = JSON.parse(line) as FromRunner;
      if (message.kind === 'ready') this.#runners[userOf(message)].socket.resolve(socket);
      else this.#processes.get(message.id)?.hear(message);
    });
  }

  #tell(message: ToRunner): void {
    if (this.#root) tell(this.#root, message);
  }

  #lost(): void {
    for (const { socket } of Object.values(this.#runners)) socket.reject(this.#broken('it ended'));
    for (const process of this.#processes.values()) process.end(null);
  }

  #broken(why: string): Error {
    return new Error(`the guest: ${why}; its console: ${this.#console}`);
  }
}

/** A user's runner: what it is told by, once it is there. */
interface RunnerOfUser {
  readonly socket: PromiseWithResolvers<Socket>;
  readonly asked: boolean;
}

function noRunner(): RunnerOfUser {
  return { socket: Promise.withResolvers<Socket>(), asked: false };
}

function userOf({ user, group }: FromRunner & { kind: 'ready' }): User {
  if (user === IDS.root[0]) return 'root';
  return group === IDS.member[1] ? 'member' : 'nobody';
}

function tell(runner: Socket, message: ToRunner): void {
  runner.write(`${JSON.stringify(message)}\n`);
}

/** Its end; rejects when it is not there in time. */
async function inTime(process: GuestProcess, words: readonly string[], options: RunOptions): Promise<GuestEnd> {
  const { timeoutMs = RUN_MS } = options;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    process.signal('SIGKILL');
    late.reject(new Error(`not done within ${timeoutMs} ms: ${words.join(' ')}: ${process.stdout()}`));
  }, timeoutMs);
  try {
    return await Promise.race([process.ended, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('not a TCP address');
  return address.port;
}
