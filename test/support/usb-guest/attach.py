"""In the guest: plugs in what a USB/IP server offers. attach.py HOST PORT BUSID VHCI-PORT

What `usbip attach` does, but at a root hub port of our choice: port N of vhci_hcd.0 is the physical path 1-(N+1).
The kernel keeps the socket when this process ends. Numbers as in the kernel's Documentation/usb/usbip_protocol.rst.
Ends when udev has done what it does for a new device, or with 1 after ten seconds.
"""
import glob
import os
import socket
import struct
import sys
import time

host, port, busid, hub_port = sys.argv[1:]
link = socket.create_connection((host, int(port)), timeout=10)
link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
link.sendall(struct.pack(">HHI32s", 0x0111, 0x8003, 0, busid.encode()))
status = struct.unpack(">HHI", link.recv(8, socket.MSG_WAITALL))[2]
if status != 0:
    sys.exit(f"{busid} is not to be had: status {status}")
device = link.recv(312, socket.MSG_WAITALL)
bus, number, speed = struct.unpack_from(">III", device, 288)
link.settimeout(None)
with open("/sys/devices/platform/vhci_hcd.0/attach", "w") as attach:
    attach.write(f"{hub_port} {link.fileno()} {bus << 16 | number} {speed}")

place = f"/sys/bus/usb/devices/1-{int(hub_port) + 1}"
HID = "03"


def read(path):
    with open(path) as file:
        return file.read().strip()


def nodes():
    """The device's nodes, as major:minor; none as long as one of them is to come."""
    if not os.path.exists(f"{place}:1.0/bInterfaceClass"):
        return []
    hidraw = glob.glob(f"{place}:1.0/*/hidraw/*/dev")
    # A driver of the kernel's for this very device offers no such node.
    own = [driver for driver in glob.glob(f"{place}:1.0/*/driver") if not os.path.realpath(driver).endswith("/hid-generic")]
    if read(f"{place}:1.0/bInterfaceClass") == HID and not hidraw and not own:
        return []
    return [read(path) for path in [f"{place}/dev", *hidraw]]


for _ in range(600):
    found = nodes()
    if found and all(os.path.exists(f"/run/udev/data/c{node}") for node in found):
        sys.exit(0)
    time.sleep(0.05)
sys.exit(f"{place} did not come up")
