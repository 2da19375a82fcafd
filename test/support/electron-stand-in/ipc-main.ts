import { EventEmitter } from 'node:events';
import type { Shape } from './shape.ts';

/** Listeners get what was sent as a structured clone; see web-contents.ts for where it comes from. */
export class StandInIpcMain extends EventEmitter implements Shape<Electron.IpcMain, 'on' | 'off' | 'once'> {
  /** Electron, too, drops what nobody listens to. */
  receive(channel: string, event: Electron.IpcMainEvent, args: readonly unknown[]): void {
    this.emit(channel, event, ...args);
  }
}
