const MAC = /^[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}$/iu;

/** In the form of records: lower case, colons. Undefined for what is no MAC address. */
export function macAddress(text: string): string | undefined {
  if (!MAC.test(text)) return undefined;
  return (text.toLowerCase().match(/[0-9a-f]{2}/gu) ?? []).join(':');
}

/** A 48-bit number: exact in a double. */
export function macNumber(mac: string): number {
  return Number.parseInt(mac.replaceAll(':', ''), 16);
}

export function macOfNumber(number: number): string {
  return (number.toString(16).padStart(12, '0').match(/../gu) ?? []).join(':');
}

/** IEEE 802: the lowest bit of the first octet says that it is a group's, which no unit has as its own. */
export function isGroupMac(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}
