/**
 * `node outputs-of.ts MODEL.onnx INPUT.json`: what the model makes of one input, as JSON. A process
 * of its own, so that it can run on an emulated processor.
 */
import { readFile } from 'node:fs/promises';
import * as v from 'valibot';
import { openSession } from '../../shared/evaluate/runtime.ts';

const Input = v.object({ dims: v.array(v.number()), values: v.array(v.number()) });

const [, , modelPath = '', inputPath = ''] = process.argv;
const { dims, values } = v.parse(Input, JSON.parse(await readFile(inputPath, 'utf8')));
const session = await openSession(modelPath, { threads: 1 });
const data = Float32Array.from(values);
const outputs = await session.run({ x: { type: 'float', dims, data } });
const [output] = Object.values(outputs);
const numbers = output && 'length' in output.data ? Array.from(output.data, Number) : [];
process.stdout.write(JSON.stringify(numbers), () => process.exit(0));
