import type { CdpSession } from './cdp.ts';
import type { Schemes } from './schemes.ts';
import type { Shape } from './shape.ts';

type FrameShape = Shape<
  Electron.WebFrameMain,
  'url' | 'origin' | 'parent' | 'top' | 'frameTreeNodeId' | 'processId' | 'routingId'
>;

interface CdpFrame {
  readonly id: string;
  readonly parentId?: string;
  readonly url: string;
  readonly securityOrigin: string;
}

/** A frame as the main process knows it, kept up to date by the browser. */
class StandInFrame implements FrameShape {
  readonly parent: Electron.WebFrameMain | null;
  readonly frameTreeNodeId: number;
  readonly routingId: number;
  readonly processId = 1;
  url = 'about:blank';
  origin = 'null';

  constructor(number: number, parent: Electron.WebFrameMain | null) {
    this.frameTreeNodeId = number;
    this.routingId = number;
    this.parent = parent;
  }

  get top(): Electron.WebFrameMain | null {
    return this.parent === null ? asElectron(this) : this.parent.top;
  }
}

/**
 * The stand-in's objects have the members that are named in their shapes, of Electron's own types; code that uses others
 * finds them missing when it runs. This is the only place where one passes for Electron's class.
 */
function asElectron(frame: StandInFrame): Electron.WebFrameMain {
  return frame as unknown as Electron.WebFrameMain;
}

/** A page's frames, and which script context belongs to which. */
export class Frames {
  readonly #schemes: Schemes;
  readonly #frames = new Map<string, StandInFrame>();
  readonly #contexts = new Map<number, string>();
  readonly #main = new StandInFrame(1, null);
  #nextNumber = 2;

  constructor(schemes: Schemes) {
    this.#schemes = schemes;
  }

  get main(): Electron.WebFrameMain {
    return asElectron(this.#main);
  }

  async watch(page: CdpSession, world: string): Promise<void> {
    page.on<{ frameId: string; parentFrameId: string }>('Page.frameAttached', ({ frameId, parentFrameId }) =>
      this.#attach(frameId, parentFrameId),
    );
    page.on<{ frameId: string }>('Page.frameDetached', ({ frameId }) => this.#frames.delete(frameId));
    page.on<{ frame: CdpFrame }>('Page.frameNavigated', ({ frame }) => this.#navigated(frame));
    page.on<{ context: { id: number; name: string; auxData?: { frameId?: string } } }>(
      'Runtime.executionContextCreated',
      ({ context }) => {
        const frameId = context.auxData?.frameId;
        if (context.name === world && frameId !== undefined) this.#contexts.set(context.id, frameId);
      },
    );
    page.on<{ executionContextId: number }>('Runtime.executionContextDestroyed', ({ executionContextId }) =>
      this.#contexts.delete(executionContextId),
    );
    page.on('Runtime.executionContextsCleared', () => this.#contexts.clear());
    await page.send('Page.enable');
    const { frameTree } = await page.send<{ frameTree: { frame: CdpFrame } }>('Page.getFrameTree');
    this.#frames.set(frameTree.frame.id, this.#main);
    await page.send('Runtime.enable');
  }

  isMain(frameId: string): boolean {
    return this.#frames.get(frameId) === this.#main;
  }

  byId(frameId: string): Electron.WebFrameMain | null {
    const frame = this.#frames.get(frameId);
    return frame === undefined ? null : asElectron(frame);
  }

  byContext(context: number): Electron.WebFrameMain | null {
    return this.byId(this.#contexts.get(context) ?? '');
  }

  /** The isolated world's context in the top frame, or in the first frame inside it. */
  contextIn(where: 'top' | 'inner'): number | null {
    for (const [context, frameId] of this.#contexts) if (this.isMain(frameId) === (where === 'top')) return context;
    return null;
  }

  #attach(frameId: string, parentId: string): StandInFrame {
    const known = this.#frames.get(frameId);
    if (known !== undefined) return known;
    const frame = new StandInFrame(this.#nextNumber++, this.byId(parentId));
    this.#frames.set(frameId, frame);
    return frame;
  }

  #navigated({ id, parentId, url, securityOrigin }: CdpFrame): void {
    const frame = parentId === undefined ? this.#main : this.#attach(id, parentId);
    this.#frames.set(id, frame);
    frame.url = this.#schemes.toApp(url);
    frame.origin = this.#schemes.toApp(securityOrigin);
  }
}
