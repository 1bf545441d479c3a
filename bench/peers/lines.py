"""A peer that reads commands from stdin, words divided by tabs, and answers each with one line."""
import sys


def serve(commands):
    for line in sys.stdin:
        name, *words = line.rstrip("\n").split("\t")
        try:
            print("ok", commands[name](*words), flush=True)
        except Exception as error:  # told to the other side, which stops
            print("error", repr(error).replace("\n", " "), flush=True)
