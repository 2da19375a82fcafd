import { FlashlineError } from '#shared/model/failure.ts';
import { type CmsisDapAddress, portUrl, serialUrl, type UsbInterfaceKind } from './cmsis-dap-address.ts';
import type { BulkEndpoints } from './usb-bulk.ts';

/** `denied`: this user may not open it. `busy`: another program holds it. */
export type ProbeAccess = 'ok' | 'denied' | 'busy';

/** A CMSIS-DAP v1 interface. */
export interface HidInterface {
  /** What opens it: `/dev/hidraw0` on Linux; null while another program has taken it from the system. */
  readonly path: string | null;
  /** Length of its output report. */
  readonly reportBytes: number;
  readonly access: ProbeAccess;
}

/** A CMSIS-DAP v2 interface. */
export interface BulkInterface extends BulkEndpoints {
  readonly access: ProbeAccess;
}

/** One physical probe as found on the bus, whatever interfaces it offers. */
export interface FoundProbe {
  /** Four lower-case hexadecimal digits each. */
  readonly vendorId: string;
  readonly productId: string;
  readonly serial?: string;
  readonly product?: string;
  readonly manufacturer?: string;
  /** The bus and the chain of hub ports (`1-2.3`): the place, and so the identity. */
  readonly portPath: string;
  /** Bus number and address on it, new at each plugging in. */
  readonly device: string;
  readonly bulk?: BulkInterface;
  readonly hid?: HidInterface;
}

/** A CMSIS-DAP probe that is plugged in now. */
export interface UsbProbe extends FoundProbe {
  /** By its serial, or by its port where it has none or shares it with another. */
  readonly url: string;
  /** The one that is used when none is asked for. */
  readonly interface: UsbInterfaceKind;
  readonly access: ProbeAccess;
}

/** Names and sorts what was found; anything without an interface that we can talk to is no probe. */
export function asUsbProbes(found: readonly FoundProbe[]): UsbProbe[] {
  const bySerial = Map.groupBy(found, (probe) => probe.serial);
  return found
    .flatMap((probe) => {
      const { serial } = probe;
      const unique = serial !== undefined && bySerial.get(serial)?.length === 1;
      const chosen = preferred(probe);
      return chosen ? [{ ...probe, ...chosen, url: unique ? serialUrl(serial) : portUrl(probe.portPath) }] : [];
    })
    .sort((a, b) => a.portPath.localeCompare(b.portPath, 'en', { numeric: true }));
}

/** v2 before v1, unless v1 is all that may be opened. What another program uses is busy by every way. */
function preferred({ bulk, hid }: FoundProbe): Pick<UsbProbe, 'interface' | 'access'> | undefined {
  const access = [bulk, hid].some((each) => each?.access === 'busy') ? 'busy' : undefined;
  if (bulk && (bulk.access !== 'denied' || hid?.access !== 'ok'))
    return { interface: 'bulk', access: access ?? bulk.access };
  return hid && { interface: 'hid', access: access ?? hid.access };
}

/** The probe that an address means. Throws `probe-not-found`, `probe-ambiguous` or `probe-unsuited`. */
export function findUsbProbe(address: CmsisDapAddress, url: string, probes: readonly UsbProbe[]): UsbProbe {
  const meant = probes.filter((probe) =>
    address.by === 'port' ? probe.portPath === address.portPath : probe.serial === address.serial,
  );
  const [probe] = meant;
  if (!probe) throw new FlashlineError('probe-not-found', { params: { url } });
  if (meant.length > 1) {
    const candidates = meant.map(({ portPath }) => portUrl(portPath)).join(', ');
    throw new FlashlineError('probe-ambiguous', { params: { url, candidates } });
  }
  if (address.interface === undefined || address.interface === probe.interface) return probe;
  const asked = probe[address.interface];
  if (asked) return { ...probe, interface: address.interface, access: asked.access };
  const offered = probe.interface === 'bulk' ? 'bulk (CMSIS-DAP v2)' : 'hid (CMSIS-DAP v1)';
  throw new FlashlineError('probe-unsuited', { params: { url, detail: `it offers ${offered} only` } });
}
