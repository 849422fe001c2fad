"""Block-wise weights by onnxruntime.quantization's MatMulNBits quantizer, rounded to nearest, with
zero points and 8-bit activations in the kernel (accuracy level 4).

    python3 matmul_nbits.py MODEL.onnx BITS BLOCK_SIZE OUT.onnx

Prints one line of JSON: seconds, layers (how many MatMuls it took).
"""
import json
import sys
import time

import onnx
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer


def main(source: str, bits: int, block_size: int, out: str) -> None:
    started = time.perf_counter()
    quantizer = MatMulNBitsQuantizer(
        onnx.load(source), bits=bits, block_size=block_size, is_symmetric=False, accuracy_level=4
    )
    quantizer.process()
    quantizer.model.save_model_to_file(out)
    layers = sum(node.op_type == "MatMulNBits" for node in quantizer.model.model.graph.node)
    print("\n" + json.dumps({"seconds": time.perf_counter() - started, "layers": layers}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
