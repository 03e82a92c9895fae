"""A slow cable, where the kernel has no netem: slow-link.py CABLE BRIDGE_END DELAY_MS LOSS_PERCENT

Copies frames between two links of this namespace. What comes from CABLE is passed on DELAY_MS later, and LOSS_PERCENT of it never; what goes to CABLE is passed on at once.
Each frame keeps its virtio header: what a kernel has left to the hardware (checksums, segments of more than a packet) the other one still knows to be undone.
"""
import collections
import random
import select
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING, ETH_P_ALL = 263, 15, 23, 3
LARGEST = 1 << 17


def open_link(name):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    link.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    link.bind((name, ETH_P_ALL))
    link.setblocking(False)
    return link


def forward(link, frame):
    try:
        link.send(frame)
    except OSError:
        pass  # A full queue or a link that has gone: lost, as on any cable.


cable, bridge = open_link(sys.argv[1]), open_link(sys.argv[2])
delay, loss = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 100
waiting = collections.deque()
print('passing on', flush=True)
while True:
    pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
    for link in select.select([cable, bridge], [], [], pause)[0]:
        try:
            frame = link.recv(LARGEST)
        except OSError:
            continue
        if link is bridge:
            forward(cable, frame)
        elif random.random() >= loss:
            waiting.append((time.monotonic() + delay, frame))
    while waiting and waiting[0][0] <= time.monotonic():
        forward(bridge, waiting.popleft()[1])
