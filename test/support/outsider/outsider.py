"""A client that knows nothing of the product but its documents: the API, the Open Inference
Protocol and the broker, by Debian's python3 and python3-paho-mqtt (1.x or 2.x) alone.

Reads {"controller", "token", "broker", "device", "endpoint", "model"} from standard input and
prints what it saw as one JSON document.
"""

import json
import queue
import struct
import sys
import urllib.error
import urllib.request
from urllib.parse import urlencode, urlsplit

import paho.mqtt.client as mqtt

TIMEOUT_SECONDS = 60


def main():
    given = json.load(sys.stdin)
    api = Api(given["controller"], given["token"])
    seen = {
        "paho": paho_version(),
        "devices": [one["device"] for one in api.pages("/api/v1/devices")],
        "models": [[one["name"], one["version"]] for one in api.pages("/api/v1/models")],
        "again": ask_again(api),
        "refusal": refusal(api),
        "openapi": read_openapi(api),
        "event": first_event(api, given["device"]),
        "inference": ask_agent(given["endpoint"], given["model"]),
        "mqtt": watch_broker(given),
    }
    json.dump(seen, sys.stdout)


class Api:
    """The controller's HTTP API, with a token."""

    def __init__(self, url, token):
        self.url = url
        self.token = token

    def get(self, path, headers=None):
        every = {"Authorization": "Bearer " + self.token, **(headers or {})}
        return call(self.url + path, headers=every)

    def pages(self, path):
        """Every item of a list, one a page."""
        query = {"limit": 1}
        while True:
            _, _, body = self.get(path + "?" + urlencode(query))
            page = json.loads(body)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]


def call(url, headers=None, body=None):
    """(status, headers, bytes), whatever the status."""
    request = urllib.request.Request(url, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def ask_again(api):
    """What is answered to an entity tag that still holds: models do not change by themselves."""
    _, headers, _ = api.get("/api/v1/models")
    status, _, body = api.get("/api/v1/models", {"If-None-Match": headers["ETag"]})
    return {"status": status, "bytes": len(body)}


def refusal(api):
    """RFC 9457: the type, and the members that every problem has."""
    status, headers, body = api.get("/api/v1/devices?selector=((")
    problem = json.loads(body)
    kind = headers.get_content_type()
    return {"status": status, "kind": kind, "problem": problem}


def read_openapi(api):
    _, _, body = api.get("/openapi.json")
    document = json.loads(body)
    return {"version": document["openapi"], "paths": sorted(document["paths"])}


def first_event(api, device):
    """The first server-sent event that tells of the device (WHATWG HTML, 9.2.6)."""
    headers = {"Authorization": "Bearer " + api.token, "Accept": "text/event-stream"}
    request = urllib.request.Request(api.url + "/api/v1/events", headers=headers)
    name, data = "message", []
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as stream:
        for raw in stream:
            line = raw.decode("utf-8").rstrip("\r\n")
            field, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if field == "event":
                name = value
            elif field == "data":
                data.append(value)
            if line != "" or not data:
                continue
            for document in json.loads("\n".join(data)):
                if document.get("device") == device:
                    return {"name": name, "document": document}
            name, data = "message", []
    raise EOFError("the stream of events ended")


def ask_agent(endpoint, model):
    """The Open Inference Protocol, version 2: tensors in JSON, and in binary."""
    of_model = endpoint + "/v2/models/" + model
    ready, _, _ = call(endpoint + "/v2/health/ready")
    metadata = json.loads(call(of_model)[2])
    extensions = json.loads(call(endpoint + "/v2")[2])["extensions"]
    unknown, _, _ = call(endpoint + "/v2/models/none")
    values = [0.25, 4.0, 0.5, 1.0]
    tensor = {"name": metadata["inputs"][0]["name"], "shape": [1, 4], "datatype": "FP32"}
    plain = {"id": "plain", "inputs": [{**tensor, "data": values}]}
    status, _, body = call(of_model + "/infer", json_type(), json.dumps(plain).encode())
    return {
        "ready": ready,
        "metadata": metadata,
        "extensions": extensions,
        "unknown": unknown,
        "plain": {"status": status, "answer": json.loads(body)},
        "binary": ask_binary(of_model, tensor, values),
    }


def ask_binary(of_model, tensor, values):
    """The binary tensor data extension: raw little-endian values behind the JSON."""
    raw = struct.pack("<4f", *values)
    described = {**tensor, "parameters": {"binary_data_size": len(raw)}}
    asked = {"inputs": [described], "parameters": {"binary_data_output": True}}
    header = json.dumps(asked).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(header)),
    }
    _, answered, body = call(of_model + "/infer", headers, header + raw)
    split = int(answered["Inference-Header-Content-Length"])
    [output] = json.loads(body[:split])["outputs"]
    floats = struct.unpack("<%df" % (len(body[split:]) // 4), body[split:])
    return {"bytes": output["parameters"]["binary_data_size"], "values": floats}


def json_type():
    return {"Content-Type": "application/json"}


def watch_broker(given):
    """What a viewer's token shows there, and what it refuses."""
    device = given["device"]
    viewer = Broker(given["broker"], ":viewer", given["token"])
    telemetry = "fettle/v1/%s/telemetry" % device
    wanted = [telemetry, "fettle/v1/%s/presence" % device, "fettle/v1/%s/summary" % device]
    configuration = "homeassistant/sensor/fettle_%s/throughput/config" % device
    seen = viewer.first_of(wanted + [configuration])
    discovered = json.loads(seen[configuration])
    viewer.end()
    return {
        "reason": viewer.reason,
        "telemetry": json.loads(seen[telemetry]),
        "presence": json.loads(seen[wanted[1]]),
        "summary": json.loads(seen[discovered["state_topic"]]),
        "discovered": discovered,
        "wrongPassword": Broker(given["broker"], ":viewer", "wrong").reason,
    }


class Broker:
    """A connection; `reason` is CONNACK's, as text."""

    def __init__(self, url, name, password):
        self.arrived = queue.Queue()
        connected = queue.Queue()
        self.client = new_client()
        self.client.username_pw_set(name, password)
        # 2.x hands over the properties of MQTT 5 as well.
        self.client.on_connect = lambda client, data, flags, reason, *more: connected.put(reason)
        self.client.on_message = lambda client, data, message: self.arrived.put(message)
        address = urlsplit(url)
        self.client.connect(address.hostname, address.port)
        self.client.loop_start()
        reason = connected.get(timeout=TIMEOUT_SECONDS)
        self.reason = "accepted" if reason == 0 else "refused"
        if reason != 0:
            self.end()

    def first_of(self, topics):
        """The first message on each topic that has one."""
        self.client.subscribe([(topic, 1) for topic in topics])
        seen = {}
        while len(seen) < len(topics):
            message = self.arrived.get(timeout=TIMEOUT_SECONDS)
            if message.payload:
                seen.setdefault(message.topic, message.payload)
        return seen

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


def new_client():
    """2.x wants to be told how callbacks are called; 1.x does not know the word."""
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    return mqtt.Client()


def paho_version():
    return __import__("paho.mqtt").mqtt.__version__


main()
