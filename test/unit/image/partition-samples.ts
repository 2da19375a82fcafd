/** CSVs in the published syntax, and the SHA-256 of the table that Espressif's gen_esp32part.py makes of each. */
export const PARTITION_SAMPLES: readonly { readonly name: string; readonly csv: string; readonly sha256: string }[] = [
  {
    name: 'one application, offsets left out',
    csv: '# Name, Type, SubType, Offset, Size, Flags\nnvs, data, nvs, , 0x6000,\nphy_init, data, phy, , 0x1000\napp, app, factory, , 1M\n',
    sha256: '070dd0e34166b10061825a6d27c346befa426d2565393624b49af76dddb2be7a',
  },
  {
    name: 'two applications, a key partition that is encrypted',
    csv: 'nvs,data,nvs,0x9000,16K\notadata,data,ota,,0x2000\nphy_init,data,phy,,4K\na,app,ota_0,,1M\nb,app,ota_1,,1M\nkeys,data,nvs_keys,,0x1000,encrypted\n',
    sha256: 'b2e25ce7f7e0f8ac0039a659c634a333564939640d32ef933eea7d7efb33a50a',
  },
  {
    name: 'numbers for names, sizes up to an end, a gap',
    csv: 'first,0x40,0,0x9000,-0x10000\napp15,0,0x1f,0x20000,-2M\nstore,1,0x82,,-4m\nsixteen_letters_,65,7,0x500000,0x3000\n',
    sha256: '4f6b29b9eb8f652a23be26795a328e8fb62ceacb76933f9ee21986015a6b1def',
  },
];
