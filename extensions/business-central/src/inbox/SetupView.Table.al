// What the set-up of this company means for returns; one temporary record, made anew at every question.
table 50102 "BH Setup View"
{
    Caption = 'Setup View';
    TableType = Temporary;
    DataClassification = SystemMetadata;

    fields
    {
        field(1; "Primary Key"; Code[10]) { }
        field(2; "Extension Version"; Text[20]) { }
        field(3; "Ext. Doc. No. Mandatory"; Boolean) { }
        field(4; "Exact Cost Reversing Mandatory"; Boolean) { }
        field(5; "Return Receipt on Credit Memo"; Boolean) { }
        field(6; "Location Mandatory"; Boolean) { }
        field(7; "Automatic Cost Posting"; Boolean) { }
        field(8; "Expected Cost Posting to G/L"; Boolean) { }
        field(9; "Archive Return Orders"; Boolean) { }
        field(10; "Return Order Nos. Present"; Boolean) { }
        field(11; "Return Receipt Nos. Present"; Boolean) { }
        field(12; "Credit Memo Nos. Present"; Boolean) { }
        field(13; "Can Post Sales"; Boolean) { }
        field(14; "Can Post Items"; Boolean) { }
    }

    keys
    {
        key(PK; "Primary Key") { Clustered = true; }
    }
}
