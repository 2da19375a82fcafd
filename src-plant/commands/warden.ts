import { type ChildProcess, fork } from 'node:child_process';

/** Sees to it that no program outlives this server, however the server ends (warden-process.ts). */
export interface Warden {
  watch(group: number): void;
  release(group: number): void;
  close(): void;
}

/** Its process is there from the first program on. */
export class ProcessWarden implements Warden {
  #child: ChildProcess | null = null;

  watch(group: number): void {
    this.#send({ watch: group });
  }

  release(group: number): void {
    this.#send({ release: group });
  }

  close(): void {
    const child = this.#child;
    this.#child = null;
    if (child?.connected) child.disconnect();
  }

  #send(told: { readonly watch?: number; readonly release?: number }): void {
    this.#child ??= this.#begin();
    // Without a warden programs still end with their time, and with an orderly end of the server.
    if (this.#child.connected) this.#child.send(told, () => undefined);
  }

  #begin(): ChildProcess {
    const child = fork(new URL('warden-process.ts', import.meta.url), {
      execArgv: [],
      env: {},
      // In a session of its own: what is sent to the server's group is not for it.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('error', () => undefined);
    child.unref();
    child.channel?.unref();
    return child;
  }
}
