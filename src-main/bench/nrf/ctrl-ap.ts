import { done, type AccessPort, type AccessResult } from '../bus.ts';

/** Nordic's control access port (nRF52840 PS v1.1, 4.8.2): the way in that protection leaves open. */
export const CTRL_AP_IDR = 0x02880000;

const RESET = 0x00;
const ERASEALL = 0x04;
const ERASEALLSTATUS = 0x08;
const APPROTECTSTATUS = 0x0c;
const IDR = 0xfc;

export interface CtrlApHooks {
  reset(at: number): void;
  eraseAll(at: number): void;
  eraseAllBusy(at: number): boolean;
  protectionOn(): boolean;
}

export class CtrlAp implements AccessPort {
  readonly #hooks: CtrlApHooks;
  #reset = 0;

  constructor(hooks: CtrlApHooks) {
    this.#hooks = hooks;
  }

  powerOnReset(): void {
    this.#reset = 0;
  }

  read(register: number, at: number): AccessResult {
    switch (register) {
      case RESET:
        return done(at, this.#reset);
      case ERASEALLSTATUS:
        return done(at, this.#hooks.eraseAllBusy(at) ? 1 : 0);
      case APPROTECTSTATUS:
        // 0 is Enabled, 1 is Disabled.
        return done(at, this.#hooks.protectionOn() ? 0 : 1);
      case IDR:
        return done(at, CTRL_AP_IDR);
      default:
        return done(at);
    }
  }

  write(register: number, value: number, at: number): AccessResult {
    if (register === RESET) {
      // Held in reset while 1; leaving it is what latches protection anew.
      if (value & 1 || this.#reset) this.#hooks.reset(at);
      this.#reset = value & 1;
    }
    if (register === ERASEALL && value & 1) this.#hooks.eraseAll(at);
    return done(at);
  }
}
