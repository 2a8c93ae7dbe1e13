"""What answers below /services/data/vNN.0, one module per family of the vendor's resources."""
