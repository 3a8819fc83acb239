"""Run a script that names no port against a simulator at another than the default one."""

import runpy
import sys

import airsim

port = int(sys.argv[1])
connect = airsim.VehicleClient.__init__


def connect_there(client, ip="", _port=None, timeout_value=60):
    connect(client, ip, port, 60)


airsim.VehicleClient.__init__ = connect_there
runpy.run_path(sys.argv[2], run_name="__main__")
