"""What tests of the engine and of adapters are built from: systems in memory, drivers, clocks, faults."""
