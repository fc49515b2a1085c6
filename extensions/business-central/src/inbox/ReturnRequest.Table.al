// One return as somebody outside told it. The primary key is what makes a repeated POST harmless.
table 50100 "BH Return Request"
{
    Caption = 'Return Request';
    DataClassification = CustomerContent;

    fields
    {
        field(1; "Source System"; Code[20]) { NotBlank = true; }
        field(2; "External Id"; Code[50]) { NotBlank = true; }
        field(3; "Customer No."; Code[20]) { TableRelation = Customer; }
        field(4; "External Document No."; Code[35]) { }
        field(5; "Your Reference"; Text[35]) { }
        field(6; "Currency Code"; Code[10]) { TableRelation = Currency; }
        field(7; "Posting Date"; Date) { }
        field(8; "Document Date"; Date) { }
        field(9; "Location Code"; Code[10]) { TableRelation = Location; }
        field(10; "Reason Code"; Code[10]) { TableRelation = "Reason Code"; }
        field(11; "Applies-to Invoice No."; Code[20]) { }
        // Zero means: do not compare. Anything else must be what the return order comes to, or nothing is posted.
        field(12; "Expected Amount Incl. VAT"; Decimal) { }
        field(20; Status; Enum "BH Return Request Status") { Editable = false; }
        field(21; "Last Error"; Text[2048]) { Editable = false; }
        field(22; "Error Code"; Text[50]) { Editable = false; }
        field(23; "Return Order Id"; Guid) { Editable = false; }
        field(24; "Return Order No."; Code[20]) { Editable = false; }
        field(25; "Return Receipt No."; Code[20]) { Editable = false; }
        field(26; "Credit Memo Id"; Guid) { Editable = false; }
        field(27; "Credit Memo No."; Code[20]) { Editable = false; }
        field(28; Amount; Decimal) { Editable = false; }
        field(29; "VAT Amount"; Decimal) { Editable = false; }
        field(30; "Amount Including VAT"; Decimal) { Editable = false; }
    }

    keys
    {
        key(PK; "Source System", "External Id") { Clustered = true; }
        key(ReturnOrder; "Return Order No.") { }
    }

    trigger OnDelete()
    var
        ReturnRequestLine: Record "BH Return Request Line";
    begin
        ReturnRequestLine.SetRange("Source System", "Source System");
        ReturnRequestLine.SetRange("External Id", "External Id");
        ReturnRequestLine.DeleteAll();
    end;
}
