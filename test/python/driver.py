"""A driver of Lenticular that has no part of Lenticular in it: the power of hosts that are files, written from the .proto files and the guide alone.

It knows machines that are named in `state/power.json`, and nothing else. What it must remember (who led, what was decided, what is on) is in that
one file, replaced by rename before it answers. Run by Debian's python3 with python3-grpcio and python3-protobuf:

    python3 driver.py --stubs DIR --listen unix:PATH --state-dir DIR [--exit-with-stdin]

where DIR holds what `protoc --python_out` makes of the contract.
"""

import argparse
import json
import os
import re
import sys
import threading
import uuid
from concurrent import futures

NAME, VERSION, CONTRACT = "pythonic", "0.1.0", "v1alpha1"
PACKAGE = "lenticular.driver.v1alpha1"
UID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
WORD = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"room": {"type": "string", "label": "Room", "description": "Where the host stands.", "maxLength": 64}},
}

options = argparse.ArgumentParser()
options.add_argument("--stubs", required=True)
options.add_argument("--listen", required=True)
options.add_argument("--state-dir", required=True)
options.add_argument("--exit-with-stdin", action="store_true")
arguments = options.parse_args()
sys.path.insert(0, arguments.stubs)

import grpc  # noqa: E402
from google.protobuf import any_pb2, json_format, struct_pb2  # noqa: E402
from google.rpc import status_pb2  # noqa: E402
from lenticular.driver.v1alpha1 import host_pb2, identity_pb2, power_pb2, session_pb2  # noqa: E402


class Refusal(Exception):
    """A failed call: the code is what the caller does next, the reason is from the closed list."""

    def __init__(self, code, reason, message, **metadata):
        super().__init__(message)
        self.code, self.reason, self.metadata = code, reason, metadata

    def tell(self, context):
        info = any_pb2.Any()
        info.Pack(status_pb2.ErrorInfo(reason=self.reason, domain="driver.lenticular.dev", metadata=self.metadata))
        status = status_pb2.Status(code=self.code.value[0], message=str(self), details=[info])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(self.code, str(self))


def wrong(field, problem, reason="FIELD_INVALID"):
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, reason, f"{field} {problem}", field=field)


class State:
    """All that outlives the process."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "power.json")
        self.lock = threading.Lock()
        try:
            with open(self.path, encoding="utf-8") as file:
                self.known = json.load(file)
        except FileNotFoundError:
            self.known = {"off": [], "shards": {}, "objects": {}}

    def save(self):
        with open(self.path + ".new", "w", encoding="utf-8") as file:
            json.dump(self.known, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def admit(self, fence, uid):
        """Refuses an old leader and an old decision, and remembers newer ones. A higher incarnation begins all counts anew."""
        check_fence(fence)
        shard = f"{fence.installation}/{fence.shard}"
        leader = self.known["shards"].get(shard, [0, 0])
        if [fence.incarnation, fence.epoch] < leader:
            field = "incarnation" if fence.incarnation < leader[0] else "epoch"
            raise stale(field, incarnation=leader[0], epoch=leader[1])
        seen = self.known["objects"].get(uid, [0, 0, 0])
        decided = [fence.incarnation, fence.generation, fence.placement_epoch]
        if decided[0] < seen[0] or (decided[0] == seen[0] and (decided[1] < seen[1] or decided[2] < seen[2])):
            field = next(name for name, new, old in zip(("incarnation", "generation", "placementEpoch"), decided, seen) if new < old)
            raise stale(field, incarnation=seen[0], generation=seen[1], placementEpoch=seen[2])
        self.known["shards"][shard] = [fence.incarnation, fence.epoch]
        self.known["objects"][uid] = decided


def stale(field, **newer):
    metadata = {name: str(value) for name, value in newer.items()}
    message = f"the call is older than what was seen: {field} is lower"
    return Refusal(grpc.StatusCode.FAILED_PRECONDITION, "STALE_EPOCH", message, field=field, **metadata)


def check_fence(fence):
    for field in ("installation", "shard"):
        if not WORD.fullmatch(getattr(fence, field)):
            raise wrong(f"fence.{field}", "must be a name")
    for field in ("incarnation", "epoch", "generation", "placement_epoch"):
        if getattr(fence, field) < 0:
            raise wrong(f"fence.{field}", "must not be negative")


class Driver:
    def __init__(self, folder):
        self.state = State(folder)
        self.instance = str(uuid.uuid4())
        self.sessions = {}

    def get_info(self, _request):
        return identity_pb2.GetInfoResponse(
            name=NAME, version=VERSION, instance=self.instance, contract_versions=[CONTRACT], categories=["power"]
        )

    def get_capabilities(self, _request):
        return identity_pb2.GetCapabilitiesResponse()

    def get_config_schema(self, request):
        if request.category != "power":
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_MISSING", f"this driver serves no {request.category}")
        return identity_pb2.GetConfigSchemaResponse(schema=json_format.ParseDict(SCHEMA, struct_pb2.Struct()))

    def probe(self, _request):
        return identity_pb2.ProbeResponse(ready=True)

    def open(self, request):
        endpoint = request.endpoint
        check_fence(request.fence)
        if endpoint.category != "power":
            raise Refusal(grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_MISSING", f"this driver serves no {endpoint.category}")
        if not UID.fullmatch(endpoint.uid):
            raise wrong("endpoint.uid", "must be a uid")
        for field, value in json_format.MessageToDict(request.config).items():
            if field not in SCHEMA["properties"]:
                raise wrong(field, "is not a field of this configuration", "CONFIG_INVALID")
            if not isinstance(value, str) or len(value) > 64:
                raise wrong(field, "must be a text of at most 64 characters", "CONFIG_INVALID")
        with self.state.lock:
            known = [session for session, (uid, draining) in self.sessions.items() if uid == endpoint.uid and not draining]
            session = known[0] if known else str(uuid.uuid4())
            self.sessions[session] = (endpoint.uid, False)
        return session_pb2.OpenResponse(session=session)

    def close(self, request):
        with self.state.lock:
            self.sessions.pop(request.session, None)
        return session_pb2.CloseResponse()

    def drain(self, request):
        with self.state.lock:
            if request.session in self.sessions:
                self.sessions[request.session] = (self.sessions[request.session][0], True)
        return session_pb2.DrainResponse()

    def host(self, context):
        uid, draining = self.sessions.get(context.session, (None, False))
        if uid is None:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SESSION_UNKNOWN", "this process does not know the session: open it again")
        if draining:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "DRAINING", "the session is draining and takes nothing new")
        return uid

    def status(self, request):
        with self.state.lock:
            off = self.host(request.context) in self.state.known["off"]
        return power_pb2.PowerStatusResponse(state="off" if off else "on")

    def switch(self, request, off):
        with self.state.lock:
            uid = self.host(request.context)
            self.state.admit(request.context.fence, request.context.trace.split(".")[0])
            others = [other for other in self.state.known["off"] if other != uid]
            self.state.known["off"] = others + [uid] if off else others
            self.state.save()
        return power_pb2.PowerResponse()

    def watch(self, _request, context):
        """Nothing changes by itself, so that a watch says to look at everything, and then nothing."""
        yield host_pb2.WatchResponse(sequence=0, type="RESYNC")
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()


def unary(call, request):
    def handle(message, context):
        try:
            return call(message)
        except Refusal as refusal:
            refusal.tell(context)

    return grpc.unary_unary_rpc_method_handler(handle, request.FromString, lambda answer: answer.SerializeToString())


def services(driver):
    power = power_pb2.PowerRequest
    calls = {
        "Identity": {
            "GetInfo": unary(driver.get_info, identity_pb2.GetInfoRequest),
            "GetCapabilities": unary(driver.get_capabilities, identity_pb2.GetCapabilitiesRequest),
            "GetConfigSchema": unary(driver.get_config_schema, identity_pb2.GetConfigSchemaRequest),
            "Probe": unary(driver.probe, identity_pb2.ProbeRequest),
        },
        "Session": {
            "Open": unary(driver.open, session_pb2.OpenRequest),
            "Close": unary(driver.close, session_pb2.CloseRequest),
            "Drain": unary(driver.drain, session_pb2.DrainRequest),
        },
        "Power": {
            "Status": unary(driver.status, power_pb2.PowerStatusRequest),
            "On": unary(lambda request: driver.switch(request, False), power),
            "Off": unary(lambda request: driver.switch(request, True), power),
            "Reset": unary(lambda request: driver.switch(request, False), power),
        },
        "Events": {
            "Watch": grpc.unary_stream_rpc_method_handler(
                driver.watch, host_pb2.WatchRequest.FromString, lambda event: event.SerializeToString()
            )
        },
    }
    return [grpc.method_handlers_generic_handler(f"{PACKAGE}.{name}", handlers) for name, handlers in calls.items()]


def main():
    path = arguments.listen.removeprefix("unix:")
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=32))
    server.add_generic_rpc_handlers(services(Driver(arguments.state_dir)))
    os.umask(0o077)
    server.add_insecure_port(f"unix:{path}")
    server.start()
    print(f"1|{CONTRACT}|unix|{path}|grpc|{NAME}/{VERSION}", flush=True)
    if arguments.exit_with_stdin:
        sys.stdin.buffer.read()
        server.stop(0.5).wait()
    else:
        server.wait_for_termination()


main()
