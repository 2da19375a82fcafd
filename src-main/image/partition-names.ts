/** As ESP-IDF's CSV names types and subtypes (Partition Tables, "Type" and "SubType"). */
export const PARTITION_TYPES: Readonly<Record<string, number>> = { app: 0, data: 1, bootloader: 2, partition_table: 3 };
export const PARTITION_SUBTYPES: Readonly<Record<number, Readonly<Record<string, number>>>> = {
  0: {
    factory: 0x00,
    ...Object.fromEntries(Array.from({ length: 16 }, (_, slot) => [`ota_${slot}`, 0x10 + slot])),
    test: 0x20,
    tee_0: 0x30,
    tee_1: 0x31,
  },
  1: {
    ota: 0x00,
    phy: 0x01,
    nvs: 0x02,
    coredump: 0x03,
    nvs_keys: 0x04,
    efuse: 0x05,
    undefined: 0x06,
    esphttpd: 0x80,
    fat: 0x81,
    spiffs: 0x82,
    littlefs: 0x83,
    tee_ota: 0x90,
  },
  2: { primary: 0, ota: 1, recovery: 2 },
  3: { primary: 0, ota: 1 },
};

/** As the CSV has it: by name where it has one. */
export function partitionTypeName(type: number): string {
  return nameIn(PARTITION_TYPES, type);
}

export function partitionSubtypeName(type: number, subtype: number): string {
  return nameIn(PARTITION_SUBTYPES[type] ?? {}, subtype);
}

function nameIn(names: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(names).find(([, each]) => each === value);
  return found ? found[0] : `0x${value.toString(16).padStart(2, '0')}`;
}
