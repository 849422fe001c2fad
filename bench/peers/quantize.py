"""Static 8-bit QDQ by onnxruntime.quantization, as its documentation recommends it:
its own pre-processing, per-channel weights, one of its three calibrators.

    python3 quantize.py PACKAGE_DIR minmax|entropy|percentile OUT.onnx

Prints one line of JSON: seconds (calibrate and quantize), preprocessSeconds, peakMemoryMiB.
One process a calibrator, so that the peak memory is that calibrator's.
"""
import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


def main(package: Path, method: str, out: Path) -> None:
    manifest = json.loads((package / "fettle.json").read_text())
    source = package / manifest["model"]
    ready = source_for_quantizer(source, out)
    prepared = out.with_suffix(".prepared.onnx")

    timing = None
    for skip_optimization in (False, True):
        try:
            timing = quantize(ready, prepared, out, (package, manifest, METHODS[method]), skip_optimization)
            break
        except ValueError as error:  # Its optimizer can leave a Gemm bias of rank 2 that it then refuses.
            print(f"with optimization: {error}", file=sys.stderr)
    if timing is None:
        sys.exit("the quantizer refuses this model with and without its optimization")
    prepared.unlink()
    if ready != source:
        ready.unlink()
    timing["peakMemoryMiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("\n" + json.dumps(timing))


def quantize(ready: Path, prepared: Path, out: Path, job: tuple, skip_optimization: bool) -> dict:
    package, manifest, method = job
    started = time.perf_counter()
    quant_pre_process(str(ready), str(prepared), skip_optimization=skip_optimization)
    preprocessed = time.perf_counter()
    quantize_static(
        str(prepared),
        str(out),
        Reader(package, manifest, onnx.load(str(prepared))),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=method,
    )
    ended = time.perf_counter()
    return {"seconds": ended - preprocessed, "preprocessSeconds": preprocessed - started}


def source_for_quantizer(source: Path, out: Path) -> Path:
    """The peer writes per-channel DequantizeLinear, which needs opset 13: raise it as its guide says."""
    model = onnx.load(str(source))
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    if opset >= 13:
        return source
    names = {i.name for i in model.graph.initializer}
    inputs = [i for i in model.graph.input if i.name not in names]
    if len(inputs) != len(model.graph.input):
        del model.graph.input[:]
        model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, 7)
    raised = onnx.version_converter.convert_version(model, 13)
    path = out.with_suffix(".raised.onnx")
    onnx.save(raised, str(path))
    return path


class Reader(CalibrationDataReader):
    """Calibration samples, prepared as the package's fettle.json says, one at a time."""

    def __init__(self, package: Path, manifest: dict, model: onnx.ModelProto) -> None:
        names = {i.name for i in model.graph.initializer}
        self.name = next(i.name for i in model.graph.input if i.name not in names)
        how = manifest.get("inputs", {}).get(self.name, {})
        arrays = np.load(package / manifest["calibration"])
        data = next(arrays[k] for k in arrays.files if k != "labels")
        self.samples = (prepare(data[i : i + 1], how) for i in range(len(data)))

    def get_next(self):
        sample = next(self.samples, None)
        return None if sample is None else {self.name: sample}


def prepare(x: np.ndarray, how: dict) -> np.ndarray:
    x = x.astype(np.float32)
    layout, wanted = how.get("layout"), how.get("modelLayout", how.get("layout"))
    if how.get("channelOrder") == "bgr":
        x = x[..., ::-1] if layout == "nhwc" else x[:, ::-1]
    if layout == "nhwc" and wanted == "nchw":
        x = x.transpose(0, 3, 1, 2)
    if layout == "nchw" and wanted == "nhwc":
        x = x.transpose(0, 2, 3, 1)
    shape = (1, -1, 1, 1) if wanted == "nchw" else (-1,)
    mean = np.asarray(how.get("mean", [0]), np.float32).reshape(shape if x.ndim == 4 else (-1,))
    std = np.asarray(how.get("std", [1]), np.float32).reshape(shape if x.ndim == 4 else (-1,))
    return np.ascontiguousarray((x * np.float32(how.get("scale", 1)) - mean) / std)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
