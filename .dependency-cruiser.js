import { browserSafe, layers, packages, pure } from './import-rules.js';

const escape = (path) => path.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
const within = (place) => (/\.[jt]sx?$/.test(place) ? `^${escape(place)}$` : `^${escape(place)}/`);
const anywhere = (places) => places.map(within).join('|');

const layerRules = Object.entries(layers).map(([folder, allowed]) => ({
  name: `layer ${folder}`,
  severity: 'error',
  from: { path: within(folder) },
  to: { path: String.raw`^(src-[a-z]+|resources|test|scripts)/`, pathNot: anywhere([folder, ...allowed]) },
}));

const packageRules = packages.map(({ package: name, only }) => ({
  name: `package ${name}`,
  severity: 'error',
  from: { path: '^src-', pathNot: anywhere(only) },
  to: { path: `(^|/)node_modules/(@types/)?${escape(name)}(/|$)` },
}));

const noNode = {
  name: 'no Node here',
  severity: 'error',
  from: { path: anywhere([...browserSafe, ...pure]) },
  to: { dependencyTypes: ['core'] },
};
const inALayer = {
  name: 'every file is in a layer',
  severity: 'error',
  from: { path: '^src-', pathNot: anywhere(Object.keys(layers)) },
  to: {},
};

export default {
  forbidden: [
    { name: 'no cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'everything resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
    noNode,
    inALayer,
    ...layerRules,
    ...packageRules,
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.json'],
      exportsFields: ['exports'],
    },
  },
};
