/** Where the partition of these products lies: a page of every chip that a FakeBoard can be. */
export const PARTITION_AT = 0x30000;

/** What the products' application holds. */
export const APPLICATION = Uint8Array.from({ length: 2500 }, (_, index) => (index * 7 + 1) & 0x7f);

/** A product whose units are given something of their own: the lines of its `manufacturing` section, but for where it lies. */
export function manufacturedRecipe(kind: 'template' | 'nvs', size: number, lines: string): string {
  return `schema: 1
product: { id: hello, revision: A, name: Hello board }
chip: nrf51822
interface: swd
images:
  - { role: application, file: app.bin, version: 1.0.0, address: 0 }
manufacturing:
  kind: ${kind}
  version: '1'
  address: ${PARTITION_AT}
  size: ${size}
${lines}serial: { pattern: '^HB[0-9]{6}$' }
`;
}
