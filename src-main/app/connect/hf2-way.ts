import { FlashlineError } from '#shared/model/failure.ts';
import { HF2_FORMS, hf2Comes, openHf2Link } from '../../link/hf2-link.ts';
import { parseUnitPlace } from '../../link/usb-place.ts';
import { isBootLoader, openHf2 } from '../../programmer/hf2/open-hf2.ts';
import { realClock } from '../compose-home.ts';
import type { ProbeWay } from './way.ts';

/** A boot loader that found nothing to start is on the bus again within this. */
const BACK_MS = 1500;

/** UF2 boot loaders by their HID side. */
export const hf2Way: ProbeWay = {
  prefix: 'hf2:',
  forms: HF2_FORMS,
  interfaces: ['hf2'],
  parse(url) {
    const address = parseUnitPlace(url.slice('hf2:'.length));
    if (!address) throw new FlashlineError('probe-address', { params: { url, expected: HF2_FORMS } });
    return ({ chip }) => ({
      clock: realClock,
      open: async (io) =>
        openHf2(
          {
            link: await openHf2Link(address, url, io),
            chip,
            isBack: async (context) => {
              if (!(await hf2Comes(address, BACK_MS, context))) return false;
              const link = await openHf2Link(address, url, context);
              try {
                return await isBootLoader(link, context);
              } finally {
                await link.close();
              }
            },
          },
          io,
        ),
    });
  },
};
