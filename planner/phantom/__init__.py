"""The digital patient: anatomy, contrast phases and ground truth, written as real DICOM."""
