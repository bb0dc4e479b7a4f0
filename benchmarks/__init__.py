"""StreamMSE against its rivals on this machine: every figure is a ratio measured side by side in one run."""
