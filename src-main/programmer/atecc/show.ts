import { toHex } from '#shared/base/bytes.ts';
import type { IoContext } from '#shared/base/clock.ts';
import { info } from './commands.ts';
import { lockStates, mayGenerate, type SlotRules } from './config-zone.ts';
import type { AteccSession } from './session.ts';
import { readConfig } from './zones.ts';

/** A secure element as people look at it. */
export interface ElementView {
  readonly revision: string;
  readonly serial: string;
  /** 7 bits. */
  readonly i2cAddress: number;
  readonly configLocked: boolean;
  readonly dataLocked: boolean;
  readonly locks: Readonly<Record<string, string>>;
  readonly slots: readonly { readonly rules: SlotRules; readonly meaning: string }[];
}

/** Only reads. */
export async function lookAtElement(session: AteccSession, io: IoContext): Promise<ElementView> {
  const revision = toHex(await session.data(info(), io));
  const { serial, i2cAddress, configLocked, dataLocked, bytes, slots } = await readConfig(session, io);
  const told = slots.map((rules) => ({ rules, meaning: slotMeaning(rules) }));
  return { revision, serial, i2cAddress, configLocked, dataLocked, locks: lockStates(bytes), slots: told };
}

const KEY_TYPES: Readonly<Record<number, string>> = { 4: 'P-256', 6: 'AES', 7: 'data' };

/** A slot's configuration in words (DS20005927A, tables 2-7 to 2-12), as it holds once the data zone is locked. */
export function slotMeaning(rules: SlotRules): string {
  const type = KEY_TYPES[rules.keyType] ?? `key type ${rules.keyType}`;
  const parts = rules.privateKey ? [`${type} private key`, generated(rules)] : [type, reading(rules), writing(rules)];
  if (rules.lockable) parts.push('lockable');
  if (rules.locked) parts.push('locked');
  return parts.join(', ');
}

function generated(rules: SlotRules): string {
  return mayGenerate(rules) ? 'may be made anew' : 'made before the data zone is locked';
}

function reading({ secret, encryptedRead }: SlotRules): string {
  if (!secret) return 'read in the clear';
  return encryptedRead ? 'read encrypted' : 'never read';
}

/** WriteConfig of slots without a private key, table 2-10. */
function writing({ writeConfig }: SlotRules): string {
  if (writeConfig === 0) return 'written in the clear';
  if (writeConfig === 1) return 'written as a public key that was validated';
  if ((writeConfig & 0xc) === 0x8 || writeConfig === 2 || writeConfig === 3) return 'never written';
  return 'written encrypted';
}
